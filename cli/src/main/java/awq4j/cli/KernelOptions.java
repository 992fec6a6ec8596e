package awq4j.cli;

import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.Precision;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** On which kernels a model is run, with how many threads. */
final class KernelOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "Threads that compute; 0, the default, is one per core.")
    private int threads;

    @Option(
            names = "--kernels",
            paramLabel = "KIND",
            defaultValue = "auto",
            description = "auto (default), scalar or vector: plain loops or the Vector API.")
    private Arithmetic kernels = Arithmetic.AUTO;

    /**
     * Kernels and threads, in exact arithmetic.
     *
     * @throws ParameterException if the number of threads makes no sense
     */
    CpuOptions cpu() {
        return cpu(Precision.W4A16);
    }

    /** As {@link #cpu()} in a given precision. */
    CpuOptions cpu(Precision precision) {
        try {
            return new CpuOptions(kernels, precision, threads);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--" + e.getMessage());
        }
    }

    /** The same for another process. */
    List<String> arguments() {
        return List.of(
                "--threads",
                String.valueOf(threads),
                "--kernels",
                kernels.name().toLowerCase(Locale.ROOT));
    }
}
