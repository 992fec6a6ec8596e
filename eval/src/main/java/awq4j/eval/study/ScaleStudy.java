package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.model.BlockSpec;
import awq4j.model.Parameters;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.SalientScaling;
import awq4j.quant.SalientScaling.Steps;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One fixed scale on the salient channels: table 2 of the AWQ paper. */
final class ScaleStudy {
    private static final String FACTOR = "factor";
    private static final String CHANGED = "changed";
    private static final String STEP = "step";
    private static final String ERROR = "error";
    private static final double SHARE = 0.01;

    static final Study STUDY = new Study(
            "scale",
            "Fixed scale",
            "What it brings to multiply the 1 % of input channels with the largest activations by a fixed factor before"
                    + " rounding, and divide by it afterwards (Lin et al., AWQ, table 2).",
            Map.of(
                    FACTOR,
                    "factor",
                    CHANGED,
                    "groups whose step changed, share",
                    STEP,
                    "step, new over old",
                    ERROR,
                    "error of a scaled weight, new over old"),
            ScaleStudy::points,
            List.of(
                    View.line("Divergence from the original", FACTOR, Workbench.KL)
                            .by(Row.BITS)
                            .logY()
                            .note("Lower is better. A factor makes the error of the salient channels smaller, until it"
                                    + " widens the steps of the groups they share."),
                    View.table(
                            "Quality",
                            List.of(Row.BITS, Row.GROUP, FACTOR),
                            "",
                            Workbench.PERPLEXITY,
                            Workbench.RISE,
                            Workbench.KL),
                    View.table("Steps", List.of(Row.BITS, Row.GROUP, FACTOR), "", CHANGED, STEP, ERROR)
                            .note("Means over the groups that hold a scaled channel. The expected error of a weight is"
                                    + " proportional to its group's step, and to 1 over its factor."),
                    View.table("Bytes", List.of(Row.BITS, Row.GROUP), FACTOR, Workbench.BYTES)));

    private ScaleStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        for (int group : bench.groupSizes()) {
            for (int bits : List.of(2, 3, 4)) {
                var scheme = new QuantScheme(bits, group, false, Range.REFERENCE);
                for (double factor : List.of(1.0, 1.25, 1.5, 2.0, 4.0)) {
                    points.add(Point.of(
                            Row.labels(FACTOR, factor, Row.BITS, bits, Row.GROUP, group),
                            here -> measure(here, new SalientScaling.Settings(SHARE, factor), scheme)));
                }
            }
        }
        return points;
    }

    private static Map<String, Estimate> measure(
            Workbench bench, SalientScaling.Settings settings, QuantScheme scheme) {
        var method = new SalientScaling(bench.runner(), settings);
        var numbers = new LinkedHashMap<>(bench.quality(
                bench.changed(BlockChange.counting(BlockChange.of(method, scheme)), bench.calibration())));
        // where scales can be folded they cost nothing
        long bytes = bench.quantized(MethodChoice.rtn(), scheme).sizeBytes();
        numbers.remove(Workbench.CODED); // what is measured lies in floats
        numbers.put(Workbench.BYTES, Estimate.exact((double) bytes));
        var steps = new Steps(0, 0, 0);
        for (BlockSpec spec : bench.model().blocks()) {
            BlockWeights weights = BlockWeights.load(spec, Parameters.of(bench.checkpoint()));
            steps = steps.plus(method.steps(spec, weights, bench.calibration().capture(spec.index()), scheme));
        }
        numbers.put(CHANGED, Estimate.exact(steps.changedShare()));
        numbers.put(STEP, Estimate.exact(steps.meanStep()));
        numbers.put(ERROR, Estimate.exact(steps.meanStep() / settings.factor()));
        return numbers;
    }
}
