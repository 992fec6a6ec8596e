package awq4j.cli;

import awq4j.quant.checkpoint.QuantizationReport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What a user wants to know of a finished quantization. */
final class QuantizeSummary {
    private QuantizeSummary() {}

    /** @param next the command to try */
    static List<String> lines(QuantizationReport report, Path out, double seconds, String next) {
        var result = report.result();
        var scheme = report.scheme();
        var lines = new ArrayList<String>();
        lines.add("wrote    " + out + " (" + report.method() + ", " + scheme.bits() + " bits, "
                + (scheme.groupSize() < 0 ? "whole rows" : "groups of " + scheme.groupSize()) + ")");
        lines.add("size     " + Figures.bytes(result.tensorBytes()) + ", was "
                + Figures.bytes(report.model().tensorBytes()) + ": " + Figures.fixed(result.ratio(), 2)
                + " times smaller");
        lines.add("linears  " + result.quantizedLinears() + " of " + result.allLinears() + " quantized"
                + (result.notConverted().isEmpty()
                        ? ""
                        : "; left: " + brief(result.notConverted()) + ", see " + QuantizationReport.FILE));
        Double reduction = result.meanLossReduction();
        if (reduction != null) {
            lines.add("error    " + Figures.fixed(100 * reduction, 1)
                    + " % less than by plain rounding, mean over the linears' outputs");
        }
        lines.add("time     " + Figures.duration(Duration.ofMillis((long) (1000 * seconds))));
        lines.add("try      " + next);
        return lines;
    }

    private static String brief(List<String> names) {
        return names.size() <= 2 ? String.join(", ", names) : names.getFirst() + " and " + (names.size() - 1) + " more";
    }
}
