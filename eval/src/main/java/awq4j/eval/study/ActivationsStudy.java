package awq4j.eval.study;

import awq4j.eval.Divergence;
import awq4j.eval.Estimate;
import awq4j.eval.Predictor;
import awq4j.eval.Progress;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.Precision;
import awq4j.model.Transformer;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Activations in 8 bits, on weights of 4 and of 8 bits. */
final class ActivationsStudy {
    private static final String WEIGHTS = "weights";
    private static final String ALPHA = "alpha";
    private static final String ACTIVATIONS = "activations";
    private static final String EXACT = "exact";
    private static final String ROUNDED = "8 bits";
    private static final String NONE = "none";
    private static final String SMOOTHED = "SmoothQuant";
    private static final String WHOLE_ROWS = "8 bits, whole rows";

    static final Study STUDY = new Study(
            "activations",
            "Activations in 8 bits",
            "What rounding activations to 8 bits costs beyond 4-bit and 8-bit weights, and whether SmoothQuant helps.",
            Map.of(
                    WEIGHTS,
                    "weights",
                    ALPHA,
                    "migration strength",
                    ACTIVATIONS,
                    "activations",
                    Workbench.RISE,
                    "perplexity above exact activations, %"),
            ActivationsStudy::points,
            List.of(
                    View.bar("Divergence from the original", Row.METHOD, Workbench.KL)
                            .by(ACTIVATIONS)
                            .panels(WEIGHTS)
                            .logY()
                            .note(
                                    "The two bars of a pair have the same weights; the axis is logarithmic. The output matrix"
                                            + " stays in FP16 in both."),
                    View.line("Migration strength", ALPHA, Workbench.KL)
                            .by(ACTIVATIONS)
                            .where(WEIGHTS, WHOLE_ROWS)
                            .except(ALPHA, NONE)
                            .note("SmoothQuant, 8-bit weights: at 0 scales come from the weights alone, at 1 from the"
                                    + " activations alone."),
                    View.table(
                            "Loss",
                            List.of(WEIGHTS, Row.METHOD, ACTIVATIONS),
                            "",
                            Workbench.PERPLEXITY,
                            Workbench.RISE,
                            Workbench.KL,
                            Workbench.AGREEMENT,
                            Workbench.BYTES)));

    private ActivationsStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        for (int group : bench.groupSizes()) {
            var four = new QuantScheme(4, group, false, Range.REFERENCE);
            String name = "4 bits, groups of " + group;
            points.add(point(name, "RTN", NONE, MethodChoice.rtn(), four, Precision.W4A8));
            points.add(
                    point(name, "AWQ", NONE, MethodChoice.awq(bench.settings().awq()), four, Precision.W4A8));
        }
        var eight = new QuantScheme(8, QuantScheme.WHOLE_ROW, true, Range.REFERENCE);
        String name = WHOLE_ROWS;
        points.add(point(name, "RTN", NONE, MethodChoice.rtn(), eight, Precision.W8A8));
        for (double alpha : new double[] {0, 0.25, 0.5, 0.75, 1}) {
            MethodChoice method = MethodChoice.smoothQuant(alpha);
            points.add(point(name, SMOOTHED + " " + alpha, String.valueOf(alpha), method, eight, Precision.W8A8));
        }
        return points;
    }

    private static Point point(
            String weights, String method, String alpha, MethodChoice choice, QuantScheme scheme, Precision precision) {
        return new Point(
                Row.labels(WEIGHTS, weights, Row.METHOD, method, ALPHA, alpha),
                bench -> measure(bench, bench.quantized(choice, scheme), precision));
    }

    private static List<Row> measure(Workbench bench, Variant variant, Precision precision) {
        if (!(bench.backend() instanceof CpuBackend exact)) {
            throw new IllegalStateException("activations are rounded on the CPU only, not on "
                    + bench.backend().name());
        }
        try (CpuBackend rounding = exact.withPrecision(precision)) {
            Transformer rounded = Transformer.open(
                    rounding, bench.model(), bench.checkpoint(), variant.parameters(), Transformer.DEFAULT_CHUNK);
            Predictor before = Workbench.remembering(Workbench.predictor(bench.transformer(variant)));
            Predictor after = Workbench.remembering(Workbench.predictor(rounded));
            Progress progress = (done, all, soFar) -> bench.watch().step("measuring", done, all);
            List<Divergence.Result> results =
                    Divergence.measure(bench.original(), List.of(before, after), bench.text(), progress);
            Divergence.Result both = Divergence.measure(before, after, bench.text(), progress);
            return List.of(
                    row(EXACT, results.getFirst(), Estimate.exact(0), variant),
                    row(ROUNDED, results.getLast(), both.rise(), variant));
        }
    }

    private static Row row(String activations, Divergence.Result result, Estimate rise, Variant variant) {
        var numbers = new LinkedHashMap<String, Estimate>();
        numbers.put(Workbench.PERPLEXITY, result.b().perplexity());
        numbers.put(Workbench.RISE, rise);
        numbers.put(Workbench.KL, result.divergence());
        numbers.put(Workbench.AGREEMENT, result.agreement());
        numbers.put(Workbench.BYTES, Estimate.exact((double) variant.sizeBytes()));
        return new Row(Row.labels(ACTIVATIONS, activations), numbers);
    }
}
