package awq4j.bench.peers;

import awq4j.kernel.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** The engines that can be measured. */
enum EngineKind {
    AWQ4J("awq4j", "int4 g128, scales and zeros of AWQ, head F16 rounded to 8 bits; activations 8 bits (w4a8)"),
    AWQ4J_W4A16("awq4j-w4a16", "int4 g128, scales and zeros of AWQ, head F16; activations float32 (w4a16)"),
    LLAMA_CPP("llama.cpp", "GGUF Q4_0, head Q6_K; activations 8 bits"),
    JLAMA("jlama", "JQ4: int4 g32 with float32 scales, head too; activations 8 bits"),
    JLAMA_VECTOR("jlama-vector", "JQ4 as for jlama, without its C library");

    /** Those that run unless others are asked for. */
    static final List<EngineKind> USUAL = List.of(AWQ4J, LLAMA_CPP, JLAMA);

    final String label;

    /** What the model's weights are, and what they meet. */
    final String weights;

    EngineKind(String label, String weights) {
        this.label = label;
        this.weights = weights;
    }

    /**
     * One by its name.
     *
     * @throws IllegalArgumentException if there is none
     */
    static EngineKind named(String label) {
        return Arrays.stream(values())
                .filter(kind -> kind.label.equals(label))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("engine " + label + " is not known; known: "
                        + Arrays.stream(values()).map(kind -> kind.label).collect(Collectors.joining(", "))));
    }

    /** Whether this is the project's own engine, against which others are held. */
    boolean isOwn() {
        return this == AWQ4J || this == AWQ4J_W4A16;
    }

    /** Arguments of the engine's virtual machine, as its own program sets them. */
    List<String> machineArguments() {
        return switch (this) {
            case AWQ4J, AWQ4J_W4A16, LLAMA_CPP -> List.of();
            case JLAMA -> List.of("-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0");
            case JLAMA_VECTOR ->
                List.of(
                        "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
                        "-Djlama.force_panama_tensor_operations=true");
        };
    }

    /** Writes the model that this engine reads, once, and gives its place; of the own engine, the shape alone. */
    Path writeModel(Shape shape, Path folder) throws IOException {
        return switch (this) {
            case AWQ4J, AWQ4J_W4A16 -> shape.writeConfig(folder);
            case LLAMA_CPP -> LlamaGguf.write(shape, folder);
            case JLAMA, JLAMA_VECTOR -> JlamaFolder.write(shape, folder);
        };
    }

    Engine open(EngineRun run) {
        return switch (this) {
            case AWQ4J -> new Awq4jEngine(run, Precision.W4A8);
            case AWQ4J_W4A16 -> new Awq4jEngine(run, Precision.W4A16);
            case LLAMA_CPP -> new LlamaCppEngine(run);
            case JLAMA, JLAMA_VECTOR -> new JlamaEngine(run);
        };
    }

    /** The native library that computes, as a resource of the class path; empty if there is none. */
    String library() {
        String system = System.getProperty("os.name").startsWith("Mac") ? "Mac" : "Linux";
        String machine = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
        String suffix = system.equals("Mac") ? ".dylib" : ".so";
        return switch (this) {
            case AWQ4J, AWQ4J_W4A16, JLAMA_VECTOR -> "";
            case LLAMA_CPP -> "de/kherud/llama/" + system + "/" + machine + "/libjllama" + suffix;
            case JLAMA -> "META-INF/native/lib/libjlama" + suffix;
        };
    }
}
