package awq4j.format.gguf;

import awq4j.format.UnsupportedModelException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The architectures of llama.cpp whose files are read and written, and what transformers calls them. */
public enum Architecture {
    /** Llama, and what is computed as it is: Mistral, Mixtral. */
    LLAMA("llama", "LlamaForCausalLM", "llama"),
    /** Qwen 2 and 2.5. */
    QWEN2("qwen2", "Qwen2ForCausalLM", "qwen2"),
    /** Qwen 3. */
    QWEN3("qwen3", "Qwen3ForCausalLM", "qwen3"),
    /** Qwen 2 with experts. */
    QWEN2_MOE("qwen2moe", "Qwen2MoeForCausalLM", "qwen2_moe"),
    /** Qwen 3 with experts. */
    QWEN3_MOE("qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe"),
    /** Gemma 1. */
    GEMMA("gemma", "GemmaForCausalLM", "gemma"),
    /** Gemma 2. */
    GEMMA2("gemma2", "Gemma2ForCausalLM", "gemma2"),
    /** The text models of Gemma 3. */
    GEMMA3("gemma3", "Gemma3ForCausalLM", "gemma3_text"),
    /** Phi-3, 3.5 and 4. */
    PHI3("phi3", "Phi3ForCausalLM", "phi3");

    static final String MISTRAL = "MistralForCausalLM";
    static final String MIXTRAL = "MixtralForCausalLM";
    private static final String KEY = "general.architecture";

    private final String label;
    private final String transformers;
    private final String modelType;

    Architecture(String label, String transformers, String modelType) {
        this.label = label;
        this.transformers = transformers;
        this.modelType = modelType;
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

    /** The one that holds models of a class of transformers, empty if there is none. */
    public static Optional<Architecture> ofTransformers(String name) {
        return switch (name) {
            case MISTRAL, MIXTRAL, "LLaMAForCausalLM", "YiForCausalLM" -> Optional.of(LLAMA);
            default ->
                Arrays.stream(values())
                        .filter(architecture -> architecture.transformers.equals(name))
                        .findFirst();
        };
    }

    /** The classes of transformers whose models have a place in one of these. */
    public static List<String> classes() {
        return Stream.concat(Arrays.stream(values()).map(Architecture::transformers), Stream.of(MISTRAL, MIXTRAL))
                .toList();
    }

    /** As {@code general.architecture} spells it, and keys begin with it. */
    public String label() {
        return label;
    }

    /** The class of a plain model of it. */
    String transformers() {
        return transformers;
    }

    /** As {@code model_type} spells it. */
    String modelType() {
        return modelType;
    }

    /** Whether rows of queries and keys are stored in pairs that turn together. */
    boolean interleaved() {
        return this == LLAMA;
    }

    /** Whether it is one of Gemma's: norms are stored with 1 added, and the MLP's gate is a GELU. */
    boolean isGemma() {
        return this == GEMMA || this == GEMMA2 || this == GEMMA3;
    }

    /** Whether there are norms on both sides of attention and MLP. */
    boolean sandwiched() {
        return this == GEMMA2 || this == GEMMA3;
    }
}
