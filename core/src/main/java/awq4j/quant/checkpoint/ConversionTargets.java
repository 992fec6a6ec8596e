package awq4j.quant.checkpoint;

import awq4j.format.awq.AwqPacking.Version;
import awq4j.format.gguf.GgmlType;
import java.util.List;

/** The forms that weights are written in. */
public final class ConversionTargets {
    private static final String AWQ_GEMM = "awq-gemm";
    private static final String AWQ_GEMV = "awq-gemv";
    private static final String AWQ_GEMV_FAST = "awq-gemv-fast";
    private static final String GPTQ = "gptq";
    private static final String FLOAT16 = "safetensors-f16";
    private static final String GGUF = "gguf-";

    private ConversionTargets() {}

    /** How users spell them. */
    public static List<String> labels() {
        return List.of(
                AWQ_GEMM,
                AWQ_GEMV,
                AWQ_GEMV_FAST,
                GPTQ,
                GGUF + "q4_0",
                GGUF + "q4_1",
                GGUF + "q8_0",
                GGUF + "f16",
                FLOAT16);
    }

    /**
     * The form of a label, for one model.
     *
     * @throws IllegalArgumentException if it is none of {@link #labels}
     * @throws awq4j.format.UnsupportedModelException if the model has nothing that the form is for
     */
    public static ConversionTarget of(String label, ConversionSource source) {
        return switch (label) {
            case AWQ_GEMM -> new AwqTarget(label, Version.GEMM, source);
            case AWQ_GEMV -> new AwqTarget(label, Version.GEMV, source);
            case AWQ_GEMV_FAST -> new AwqTarget(label, Version.GEMV_FAST, source);
            case GPTQ -> new GptqTarget(label, source);
            case FLOAT16 -> new Float16Target(label);
            case GGUF + "q4_0" -> new GgufTarget(label, GgmlType.Q4_0, source);
            case GGUF + "q4_1" -> new GgufTarget(label, GgmlType.Q4_1, source);
            case GGUF + "q8_0" -> new GgufTarget(label, GgmlType.Q8_0, source);
            case GGUF + "f16" -> new GgufTarget(label, GgmlType.F16, source);
            default ->
                throw new IllegalArgumentException(
                        "\"" + label + "\" is no form of weights; there are " + String.join(", ", labels()));
        };
    }
}
