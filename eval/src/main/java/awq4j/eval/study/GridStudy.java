package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.model.BlockSpec;
import awq4j.model.Parameters;
import awq4j.quant.Awq;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockWeights;
import awq4j.quant.Objective;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Lin et al., AWQ (2023), section 3.2: the loss over the ratio that AWQ searches. */
final class GridStudy {
    private static final String BLOCK = "block";
    private static final String LINEARS = "linears";
    private static final String SCALES = "scales";
    private static final String AT = "at";
    private static final String RATIO = "ratio";
    private static final String LOSS = "loss";
    private static final String SHARE = "share";
    private static final String BEST = "best";
    private static final String GAIN = "gain";
    private static final String GRAM = "gram";
    private static final String COST = "cost";
    private static final String OBJECTIVE = "objective";
    private static final int BITS = 3;
    private static final String PAPER = "paper";
    private static final List<Scaling> SCALINGS = List.of(Scaling.PLAIN, Scaling.DUO);

    static final Study STUDY = new Study(
            "grid",
            "Grid of ratios",
            "What AWQ's search of scales sees, at 3 bits: the loss of each ratio, block by block, and whether the search by"
                    + " Gram matrices finds the same.",
            Map.ofEntries(
                    Map.entry(BLOCK, "block"),
                    Map.entry(LINEARS, "linears"),
                    Map.entry(SCALES, "scales"),
                    Map.entry(AT, "ratio"),
                    Map.entry(RATIO, "ratio"),
                    Map.entry(LOSS, "mean squared error of the output"),
                    Map.entry(SHARE, "loss, as a share of plain rounding's"),
                    Map.entry(BEST, "best ratio"),
                    Map.entry(GAIN, "least loss, as a share of plain rounding's"),
                    Map.entry(GRAM, "ratio by Gram matrix"),
                    Map.entry(COST, "its loss above the least, %"),
                    Map.entry(OBJECTIVE, "objective")),
            GridStudy::points,
            List.of(
                    View.line("Scales of the paper: loss over the ratio", RATIO, SHARE)
                            .by(BLOCK)
                            .panels(LINEARS)
                            .where(SCALES, PAPER)
                            .note(
                                    "s = mean|x|^ratio. At 0 nothing is scaled, so the loss is that of plain rounding; the"
                                            + " least is what AWQ takes."),
                    View.line("Scales of AutoAWQ: loss over the ratio", RATIO, SHARE)
                            .by(BLOCK)
                            .panels(LINEARS)
                            .where(SCALES, "duo")
                            .note("s = mean|x|^ratio / mean|w|^(1 - ratio)."),
                    View.heat("All blocks", AT, BLOCK, SHARE)
                            .panels(LINEARS)
                            .where(SCALES, PAPER)
                            .note(
                                    "Scales of the paper; darker or lighter by the loss, as a share of plain rounding's."),
                    View.table("What wins", List.of(BLOCK, LINEARS), SCALES, BEST, GAIN),
                    View.table("Two objectives", List.of(BLOCK, LINEARS), SCALES, BEST, GRAM, COST)
                            .note("The references run attention or the MLP and compare its output, on the tokens of"
                                    + " --search-tokens; o_proj and down_proj are compared by their own outputs. Gram matrices"
                                    + " give the error of the linears' own outputs, over all calibration tokens. The last column"
                                    + " is the references' loss at the ratio that the Gram matrix chose."),
                    View.table(
                                    "What becomes of the model",
                                    List.of(SCALES, OBJECTIVE),
                                    "",
                                    Workbench.KL,
                                    Workbench.RISE)
                            .note("Scales only, no clips.")));

    private GridStudy() {}

    private static List<Point> points(Workbench bench) {
        int group = bench.groupSizes().getFirst();
        var points = new ArrayList<Point>();
        for (BlockSpec spec : bench.model().blocks()) {
            points.add(new Point(Row.labels(BLOCK, spec.index()), b -> rows(b, spec, group)));
        }
        for (Scaling scaling : SCALINGS) {
            for (Objective objective : List.of(Objective.MODULE, Objective.GRAM)) {
                String by = objective == Objective.MODULE ? "module" : "gram";
                var settings = settings(bench, scaling).searching(objective);
                points.add(Point.of(
                        Row.labels(SCALES, name(scaling), OBJECTIVE, by),
                        b -> b.quality(b.quantized(MethodChoice.awq(settings), scheme(group)))));
            }
        }
        return points;
    }

    private static List<Row> rows(Workbench bench, BlockSpec spec, int group) {
        BlockCapture capture = bench.calibration().capture(spec.index());
        BlockWeights weights = BlockWeights.load(spec, Parameters.of(bench.checkpoint()));
        QuantScheme scheme = scheme(group);
        Map<List<String>, Double> plain = new HashMap<>();
        var rows = new ArrayList<Row>();
        for (Scaling scaling : SCALINGS) {
            bench.watch().step("searching", rows.isEmpty() ? 0 : 1, 2);
            var settings = settings(bench, scaling);
            var found = new Awq(bench.runner(), settings).losses(spec, weights, capture, scheme);
            var byGram =
                    new Awq(bench.runner(), settings.searching(Objective.GRAM)).losses(spec, weights, capture, scheme);
            for (int i = 0; i < found.size(); i++) {
                Awq.GroupLosses own = found.get(i);
                double whole = plain.computeIfAbsent(own.linears(), key -> own.losses()[0]); // the paper's at 0
                rows.addAll(rows(own, byGram.get(i), name(scaling), whole));
            }
        }
        return rows;
    }

    private static Awq.Settings settings(Workbench bench, Scaling scaling) {
        return new Awq.Settings(scaling, false, bench.settings().searchTokens());
    }

    private static QuantScheme scheme(int group) {
        return new QuantScheme(BITS, group, false, Range.REFERENCE);
    }

    private static String name(Scaling scaling) {
        return scaling == Scaling.PLAIN ? PAPER : "duo";
    }

    private static int least(double[] losses) {
        int least = 0;
        for (int i = 1; i < losses.length; i++) {
            least = losses[i] < losses[least] ? i : least;
        }
        return least;
    }

    private static List<Row> rows(Awq.GroupLosses found, Awq.GroupLosses byGram, String scales, double whole) {
        String linears = found.linears().stream()
                .map(name -> name.substring(name.lastIndexOf('.') + 1))
                .distinct()
                .collect(Collectors.joining(" "));
        var rows = new ArrayList<Row>();
        for (int i = 0; i < found.losses().length; i++) {
            double loss = found.losses()[i];
            rows.add(new Row(
                    Row.labels(LINEARS, linears, SCALES, scales, AT, found.ratio(i)),
                    Map.of(
                            RATIO,
                            Estimate.exact(found.ratio(i)),
                            LOSS,
                            Estimate.exact(loss),
                            SHARE,
                            Estimate.exact(loss / whole))));
        }
        int best = least(found.losses());
        int other = least(byGram.losses());
        var chosen = new LinkedHashMap<String, Estimate>();
        chosen.put(BEST, Estimate.exact(found.ratio(best)));
        chosen.put(GAIN, Estimate.exact(found.losses()[best] / whole));
        chosen.put(GRAM, Estimate.exact(found.ratio(other)));
        chosen.put(COST, Estimate.exact(100 * (found.losses()[other] / found.losses()[best] - 1)));
        rows.add(new Row(Row.labels(LINEARS, linears, SCALES, scales), chosen));
        return rows;
    }
}
