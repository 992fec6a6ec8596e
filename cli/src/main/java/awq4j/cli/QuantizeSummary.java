package awq4j.cli;

import awq4j.format.awq.AwqPacking.Version;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.QuantizationReport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a user wants to know of a finished quantization. */
final class QuantizeSummary {
    private QuantizeSummary() {}

    /** @param next the command to try */
    static List<String> lines(QuantizationReport report, Path out, double seconds, String next) {
        var result = report.result();
        var scheme = report.scheme();
        var lines = new ArrayList<String>();
        String zeros = report.settings().get(MethodChoice.SPARSITY);
        boolean codes = !scheme.equals(QuantizationReport.Scheme.PLAIN);
        lines.add("wrote    " + out + " (" + report.method() + (zeros == null ? "" : ", " + zeros + " zeros") + ", "
                + (codes ? width(report) + ", " + groups(scheme) : "float16") + ")");
        lines.add("size     " + Figures.bytes(result.tensorBytes()) + ", was "
                + Figures.bytes(report.model().tensorBytes()) + ": " + Figures.fixed(result.ratio(), 2)
                + " times smaller");
        if (codes) {
            lines.add("linears  " + result.quantizedLinears() + " of " + result.allLinears() + " quantized"
                    + (result.notConverted().isEmpty()
                            ? ""
                            : "; left: " + brief(result.notConverted()) + ", see " + QuantizationReport.FILE));
        }
        Double reduction = result.meanLossReduction();
        if (reduction != null) {
            lines.add("error    " + Figures.fixed(100 * reduction, 1)
                    + " % less than by plain rounding" + (zeros == null ? "" : " of the pruned weights")
                    + ", mean over the linears' outputs");
        }
        experts(report).ifPresent(lines::add);
        readers(report).ifPresent(lines::add);
        lines.add("time     " + Figures.duration(Duration.ofMillis((long) (1000 * seconds))));
        lines.add("try      " + next);
        return lines;
    }

    private static String groups(QuantizationReport.Scheme scheme) {
        return scheme.groupSize() < 0 ? "whole rows" : "groups of " + scheme.groupSize();
    }

    private static String width(QuantizationReport report) {
        boolean mixed = report.settings().keySet().stream().anyMatch(key -> key.startsWith(MethodChoice.BITS_OF));
        return mixed
                ? "up to " + report.scheme().bits() + " bits"
                : report.scheme().bits() + " bits";
    }

    /** Who can read it, if not everybody can. */
    private static Optional<String> readers(QuantizationReport report) {
        if (!report.scheme().packing().equals(Version.DENSE.label())) {
            return Optional.empty();
        }
        return Optional.of("readers  awq4j only: vLLM and transformers have no place for "
                + (report.settings().containsKey(MethodChoice.RANK)
                        ? "matrices of low rank beside codes; convert --to awq-gemm leaves them out"
                        : "codes of other than 4 bits"));
    }

    /** How calibration served the experts, if there are any. */
    private static Optional<String> experts(QuantizationReport report) {
        return expertTokens(report).map(line -> "experts  " + line);
    }

    /** Which experts were rounded plainly, block by block; empty if none was. */
    static Optional<String> plainExperts(QuantizationReport report) {
        String blocks = report.experts().stream()
                .filter(block -> !block.tooFew().isEmpty())
                .map(block -> "block " + block.block() + ": "
                        + block.tooFew().stream().map(String::valueOf).collect(Collectors.joining(", ")))
                .collect(Collectors.joining("; "));
        return blocks.isEmpty() ? Optional.empty() : Optional.of(blocks);
    }

    /** The same as a sentence without its end. */
    static Optional<String> expertTokens(QuantizationReport report) {
        if (report.experts().isEmpty()) {
            return Optional.empty();
        }
        var seen = report.experts().stream()
                .flatMapToInt(block -> block.tokens().stream().mapToInt(Integer::intValue))
                .summaryStatistics();
        int few = report.experts().stream()
                .mapToInt(block -> block.tooFew().size())
                .sum();
        String tokens = Figures.grouped(seen.getMin())
                + (seen.getMin() == seen.getMax() ? "" : " to " + Figures.grouped(seen.getMax()));
        return Optional.of(Figures.grouped(seen.getCount()) + " saw " + tokens + " calibration tokens"
                + (few == 0
                        ? ""
                        : "; " + Figures.grouped(few) + " of them too few for a search, and were rounded plainly (RTN):"
                                + " more text or --route-all-experts would help"));
    }

    private static String brief(List<String> names) {
        return names.size() <= 2 ? String.join(", ", names) : names.getFirst() + " and " + (names.size() - 1) + " more";
    }
}
