package awq4j.cli;

import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** On which kernels a model is evaluated: in exact arithmetic unless it is the arithmetic that is evaluated. */
final class EvaluationOptions {
    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            defaultValue = "w4a16",
            description = "w4a16 (default) is exact; w4a8 and w8a8 measure what rounding activations to 8 bits costs.")
    private Precision precision = Precision.W4A16;

    @Option(
            names = "--kv",
            paramLabel = "TYPE",
            defaultValue = "f32",
            description =
                    "f32 (default), f16, i8 or i4: how keys and values are kept; f32 rounds nothing. Compared, only B's are.")
    private KvPrecision kv = KvPrecision.F32;

    /** How keys and values are kept. */
    KvPrecision kv() {
        return kv;
    }

    /**
     * Kernels, precision and threads.
     *
     * @throws picocli.CommandLine.ParameterException if the number of threads makes no sense
     */
    CpuOptions cpu() {
        return kernels.cpu(precision);
    }
}
