package awq4j.format.gguf;

import awq4j.format.UnsupportedModelException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The architectures of llama.cpp whose files are read, and what transformers calls them. */
enum Architecture {
    LLAMA("llama", "LlamaForCausalLM", "silu", true),
    QWEN2("qwen2", "Qwen2ForCausalLM", "silu", false),
    QWEN3("qwen3", "Qwen3ForCausalLM", "silu", false);

    private static final String KEY = "general.architecture";

    private final String label;
    private final String transformers;
    private final String activation;
    private final boolean interleaved;

    Architecture(String label, String transformers, String activation, boolean interleaved) {
        this.label = label;
        this.transformers = transformers;
        this.activation = activation;
        this.interleaved = interleaved;
    }

    /** The one that the metadata name. */
    static Architecture of(GgufMetadata metadata) {
        String stated = metadata.text(KEY);
        return Arrays.stream(values())
                .filter(architecture -> architecture.label.equals(stated))
                .findFirst()
                .orElseThrow(() -> new UnsupportedModelException(metadata.file().getFileName() + ": architecture \""
                        + ByteCursor.shown(stated) + "\" is not supported; supported in GGUF files: "
                        + Arrays.stream(values()).map(Architecture::label).collect(Collectors.joining(", "))));
    }

    /** As {@code general.architecture} spells it, and keys begin with it. */
    String label() {
        return label;
    }

    /** The class of a plain model of it. */
    String transformers() {
        return transformers;
    }

    /** What the MLP applies. */
    String activation() {
        return activation;
    }

    /** Whether rows of queries and keys are stored in pairs that turn together. */
    boolean interleaved() {
        return interleaved;
    }
}
