package awq4j.cli;

import awq4j.Adaptation;
import awq4j.AdaptiveOptions;
import awq4j.quant.AdaptiveModel;
import awq4j.quant.QuantScheme;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whether and how a 16-bit model is quantized while it runs. */
final class AdaptingOptions {
    private static final AdaptiveModel.Settings USUAL = AdaptiveModel.Settings.DEFAULT;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--adaptive",
            description = "Quantize a 16-bit model in memory, with scales that follow what it reads: where a prompt's"
                    + " activations have moved, they are searched again before the reply.")
    private boolean adaptive;

    @Option(names = "--adaptive-bits", paramLabel = "N", description = "Bits of a code, 2 to 8, default 4.")
    private @Nullable Integer bits;

    @Option(
            names = "--adaptive-group",
            paramLabel = "N",
            description = "Columns that share a scale, default 128; -1 for whole rows.")
    private @Nullable Integer group;

    @Option(
            names = "--adaptive-threshold",
            paramLabel = "X",
            description =
                    "Share of the mean magnitudes, 0 to 1, that must have moved to other channels; less adapts more"
                            + " often. Default 0.02.")
    private @Nullable Double threshold;

    @Option(
            names = "--adaptive-half-life",
            paramLabel = "N",
            description = "Tokens after which what was read counts half, default 4096.")
    private @Nullable Integer halfLife;

    @Option(
            names = "--adaptive-memory",
            paramLabel = "MIB",
            description = "What statistics may take, default 1024; inputs beyond that are searched by less.")
    private @Nullable Integer memory;

    /** Whether the model is to adapt. */
    boolean adaptive() {
        return adaptive;
    }

    /** @throws ParameterException if a number makes no sense, or goes with {@code --adaptive} that is missing */
    void check() {
        if (!adaptive && (bits != null || group != null || threshold != null || halfLife != null || memory != null)) {
            throw wrong("--adaptive-bits, -group, -threshold, -half-life and -memory go with --adaptive");
        }
        settings();
    }

    private AdaptiveModel.Settings settings() {
        try {
            QuantScheme scheme = USUAL.scheme();
            AdaptiveModel.Settings settings = USUAL.withScheme(new QuantScheme(
                    bits == null ? scheme.bits() : bits,
                    group == null ? scheme.groupSize() : group,
                    scheme.symmetric(),
                    scheme.range()));
            settings = threshold == null ? settings : settings.withThreshold(threshold);
            settings = halfLife == null ? settings : settings.withHalfLife(halfLife);
            return memory == null ? settings : settings.withStatisticsBytes((long) memory << 20);
        } catch (IllegalArgumentException e) {
            throw wrong("--adaptive: " + e.getMessage());
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(command.commandLine(), message);
    }

    /** How to open the model; says on standard error what it does. */
    AdaptiveOptions options(Screen screen) {
        return AdaptiveOptions.usual()
                .withSettings(settings())
                .withWatch(adaptation -> screen.remark(screen.errStyle().dim("awq4j: " + words(adaptation))));
    }

    /** What a model did, in words. */
    static String words(Adaptation adaptation) {
        int moved = adaptation.changes().size();
        double largest = adaptation.changes().stream()
                .mapToDouble(AdaptiveModel.Change::drift)
                .max()
                .orElse(0);
        long blocks = adaptation.changes().stream()
                .map(AdaptiveModel.Change::block)
                .distinct()
                .count();
        return String.format(
                Locale.ROOT,
                "the prompt's activations moved (by %.2f at most): scales of %d of %d inputs in %d %s searched again in %d ms",
                largest,
                moved,
                adaptation.inputs(),
                blocks,
                blocks == 1 ? "block" : "blocks",
                adaptation.time().plus(Duration.ofNanos(500_000)).toMillis());
    }
}
