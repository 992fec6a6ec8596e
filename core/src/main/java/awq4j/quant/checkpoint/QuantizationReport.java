package awq4j.quant.checkpoint;

import awq4j.quant.LinearReport;
import awq4j.quant.QuantScheme;
import awq4j.quant.calibration.Calibration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a checkpoint was quantized and how it went: the file {@value #FILE} in the result, JSON with these names.
 *
 * @param program that made it, with its version
 * @param javaVersion version and vendor
 * @param system operating system and processor
 * @param backend what ran the blocks, null if nothing did
 * @param settings of the method
 * @param calibration null if the method saw no text
 * @param linears of all blocks, in the order in which they run
 * @param experts of all blocks that have experts, with what calibration showed them; none without calibration
 * @param seconds by stage; blocks of an interrupted run count with what they took then
 * @param peakHeapBytes most that lay on the Java heap at any time, garbage included; of the last run
 */
public record QuantizationReport(
        String program,
        String javaVersion,
        String system,
        @Nullable String backend,
        Model model,
        String method,
        Map<String, String> settings,
        Scheme scheme,
        Calibration.@Nullable Provenance calibration,
        Result result,
        List<LinearOutcome> linears,
        List<ExpertTokens> experts,
        Map<String, Double> seconds,
        long peakHeapBytes) {
    /** The file's name. */
    public static final String FILE = "quantization_report.json";

    /** Copies maps and list. */
    public QuantizationReport {
        settings = java.util.Collections.unmodifiableMap(new java.util.TreeMap<>(settings));
        linears = List.copyOf(linears);
        experts = List.copyOf(experts);
        seconds = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(seconds));
    }

    /**
     * What was quantized.
     *
     * @param name of its folder
     * @param sha256 of configuration and tensors
     */
    public record Model(
            String name, String architecture, String sha256, long parameters, int blocks, long tensorBytes) {}

    /** Codes and groups, see {@link QuantScheme}; {@code packing} as in config.json. */
    public record Scheme(int bits, int groupSize, boolean symmetric, String range, String packing) {
        /** That of weights which stay float16: no group has more than one. */
        public static final Scheme PLAIN = new Scheme(16, 1, false, "NONE", "none");
    }

    /**
     * What it became.
     *
     * @param otherDtype type of all tensors that were not quantized
     * @param quantizedLinears how many of {@code linears}
     * @param ratio of the model's bytes to the result's
     * @param meanLossReduction mean over the quantized linears of 1 - after / before, null without calibration
     */
    public record Result(
            long tensorBytes,
            String otherDtype,
            int quantizedLinears,
            int allLinears,
            List<String> notConverted,
            double ratio,
            @Nullable Double meanLossReduction) {
        /** Copies the list. */
        public Result {
            notConverted = List.copyOf(notConverted);
        }
    }

    /**
     * How one linear fared.
     *
     * @param note why it was not quantized, or what was handled on the way
     * @param lossBefore mean squared error of its output over the calibration tokens with plain rounding; null if not
     *     measured
     * @param lossAfter the same with what the method chose
     * @param tokens calibration tokens that it saw
     */
    public record LinearOutcome(
            int block,
            String name,
            boolean quantized,
            @Nullable String note,
            @Nullable Double lossBefore,
            @Nullable Double lossAfter,
            int tokens) {
        static LinearOutcome of(int block, LinearReport report) {
            return new LinearOutcome(
                    block,
                    report.name(),
                    report.quantized(),
                    report.reason(),
                    finite(report.lossBefore()),
                    finite(report.lossAfter()),
                    report.tokens());
        }

        private static @Nullable Double finite(double value) {
            return Double.isFinite(value) ? value : null;
        }
    }

    /**
     * How calibration tokens came to the experts of a block.
     *
     * @param tokens that each expert saw, by its number
     * @param tooFew numbers of the experts that saw too few to be searched, and were rounded plainly
     */
    public record ExpertTokens(int block, List<Integer> tokens, List<Integer> tooFew) {
        /** Copies the lists. */
        public ExpertTokens {
            tokens = List.copyOf(tokens);
            tooFew = List.copyOf(tooFew);
        }
    }

    /** Mean of what the losses of quantized linears went down by, null if none was measured. */
    static @Nullable Double meanLossReduction(List<LinearOutcome> linears) {
        double sum = 0;
        int count = 0;
        for (LinearOutcome linear : linears) {
            Double before = linear.lossBefore();
            Double after = linear.lossAfter();
            if (linear.quantized() && before != null && after != null && before > 0) {
                sum += 1 - after / before;
                count++;
            }
        }
        return count == 0 ? null : sum / count;
    }
}
