package awq4j.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How a measurement is taken: what {@code bench} and the command below it share. */
final class BenchOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--runs",
            paramLabel = "N",
            defaultValue = "3",
            description = "Runs that count, default ${DEFAULT-VALUE}; the median is reported.")
    private int runs = 3;

    @Option(
            names = "--read-region",
            paramLabel = "MIB",
            description = "Memory to measure reads from; default: 1024, or what a token reads if that is more. A"
                    + " roofline's weights take a quarter of it.")
    private @Nullable Integer readRegion;

    @Option(names = "--child", hidden = true, description = "Says its steps, and the result only as JSON.")
    private boolean child;

    /**
     * Complains about numbers before anything is measured.
     *
     * @throws ParameterException if one is not positive
     */
    void check() {
        positive("--runs", runs);
        if (readRegion != null) {
            positive("--read-region", readRegion);
        }
    }

    /**
     * Complains about a number of the command's own.
     *
     * @throws ParameterException if it is not positive
     */
    void positive(String name, int value) {
        if (value < 1) {
            throw new ParameterException(command.commandLine(), name + " must be positive, was " + value);
        }
    }

    /** Runs that count. */
    int runs() {
        return runs;
    }

    /** Bytes to measure reads from, {@code otherwise} if the user leaves that open. */
    long readBytes(long otherwise) {
        return readRegion == null ? otherwise : (long) readRegion << 20;
    }

    /** Whether this process measures for another, see {@link BenchChild}. */
    boolean child() {
        return child;
    }

    /** The same for the process that measures. */
    List<String> arguments() {
        var arguments = new ArrayList<>(List.of("--child", "--runs", String.valueOf(runs)));
        if (readRegion != null) {
            arguments.addAll(List.of("--read-region", readRegion.toString()));
        }
        return arguments;
    }
}
