package awq4j.eval.study;

import awq4j.quant.Awq;
import awq4j.quant.Gptq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Every method at every width. */
final class MethodsStudy {
    private static final List<Integer> BITS = List.of(2, 3, 4, 8);

    static final Study STUDY = new Study(
            "methods",
            "Methods",
            "What each method makes of the model at 2, 3, 4 and 8 bits: rounding, AWQ and its two halves, GPTQ, and both.",
            Map.of(),
            MethodsStudy::points,
            List.of(
                    View.bar("Divergence from the original", Row.BITS, Workbench.KL)
                            .by(Row.METHOD)
                            .panels(Row.GROUP)
                            .logY()
                            .note("Lower is better; the axis is logarithmic."),
                    View.scatter("Size and divergence", Workbench.BYTES, Workbench.KL)
                            .by(Row.METHOD)
                            .logX()
                            .logY()
                            .note("Down and to the left is better."),
                    View.table("Divergence", List.of(Row.METHOD, Row.GROUP), Row.BITS, Workbench.KL),
                    View.table("Perplexity", List.of(Row.METHOD, Row.GROUP), Row.BITS, Workbench.PERPLEXITY),
                    View.table("Bytes", List.of(Row.METHOD, Row.GROUP), Row.BITS, Workbench.BYTES)));

    private MethodsStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        points.add(Point.of(
                Row.labels(Row.METHOD, "FP16", Row.BITS, "16", Row.GROUP, "none"), Workbench::qualityOfOriginal));
        Awq.Settings awq = bench.settings().awq();
        var unclipped = new Awq.Settings(awq.scaling(), false, awq.searchTokens());
        for (int group : bench.groupSizes()) {
            for (int bits : BITS) {
                add(points, "RTN", bits, group, MethodChoice.rtn());
                add(points, "AWQ without clip", bits, group, MethodChoice.awq(unclipped));
                add(points, "AWQ", bits, group, MethodChoice.awq(awq));
                add(points, "GPTQ", bits, group, MethodChoice.gptq(Gptq.Settings.DEFAULT, null));
                add(points, "AWQ+GPTQ", bits, group, MethodChoice.gptq(Gptq.Settings.DEFAULT, awq));
            }
        }
        return points;
    }

    private static void add(List<Point> points, String label, int bits, int group, MethodChoice method) {
        var scheme = new QuantScheme(bits, group, false, method.gram() ? Range.INCLUDE_ZERO : Range.REFERENCE);
        points.add(Point.of(
                Row.labels(Row.METHOD, label, Row.BITS, bits, Row.GROUP, group),
                bench -> bench.quality(bench.quantized(method, scheme))));
    }
}
