package awq4j.eval.study;

import awq4j.quant.Awq;
import awq4j.quant.Gptq;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Every method at every width. */
final class MethodsStudy {
    private static final List<Integer> BITS = List.of(2, 3, 4, 8);
    private static final String ORIGINAL = "FP16";
    private static final List<String> LINES = List.of(Row.GROUP, Row.METHOD);

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
                            .logY()
                            .note("Down and to the left is better; the upright axis is logarithmic."),
                    View.table("Divergence", LINES, Row.BITS, Workbench.KL)
                            .except(Row.METHOD, ORIGINAL)
                            .note("Mean KL to FP16 in nats a token, on text that calibration did not see."),
                    View.table("Perplexity", LINES, Row.BITS, Workbench.PERPLEXITY)
                            .note("On the same text. The error is of the text, which all methods share."),
                    View.table("Perplexity above FP16, %", LINES, Row.BITS, Workbench.RISE)
                            .except(Row.METHOD, ORIGINAL)
                            .note("The same, token by token against the original: the error is of the difference."),
                    View.table("Bytes", LINES, Row.BITS, Workbench.BYTES, Workbench.CODED)
                            .except(Row.METHOD, ORIGINAL)
                            .note(
                                    "Of the whole model in a checkpoint: embedding and head stay in float16, and so does a"
                                            + " linear whose shape no packing holds at that width.")));

    private MethodsStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        points.add(Point.of(
                Row.labels(Row.METHOD, ORIGINAL, Row.BITS, "16", Row.GROUP, "none"), Workbench::qualityOfOriginal));
        Awq.Settings awq = bench.settings().awq();
        var unclipped = new Awq.Settings(awq.scaling(), false, awq.searchTokens());
        var unscaled = MethodChoice.of("awq without scale", true, Map.of(), runner -> Awq.withoutScales(runner, awq));
        for (int group : bench.groupSizes()) {
            for (int bits : BITS) {
                add(points, "RTN", bits, group, MethodChoice.rtn());
                add(points, "AWQ without scale", bits, group, unscaled);
                add(points, "AWQ without clip", bits, group, MethodChoice.awq(unclipped));
                add(points, "AWQ", bits, group, MethodChoice.awq(awq));
                add(points, "GPTQ", bits, group, MethodChoice.gptq(Gptq.Settings.DEFAULT, null));
                add(points, "AWQ+GPTQ", bits, group, MethodChoice.gptq(Gptq.Settings.DEFAULT, awq));
            }
        }
        return points;
    }

    private static void add(List<Point> points, String label, int bits, int group, MethodChoice method) {
        points.add(Point.of(
                Row.labels(Row.METHOD, label, Row.BITS, bits, Row.GROUP, group),
                bench -> bench.quality(bench.quantized(method, Schemes.usual(bits, group, method)))));
    }
}
