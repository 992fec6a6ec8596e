package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.model.BlockSpec;
import awq4j.model.Parameters;
import awq4j.quant.Awq;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import java.util.ArrayList;
import java.util.HashMap;
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
    private static final int BITS = 3;
    private static final String PAPER = "paper";

    static final Study STUDY = new Study(
            "grid",
            "Grid of ratios",
            "What AWQ's search of scales sees, at 3 bits: the loss of each ratio, block by block.",
            Map.of(
                    BLOCK, "block",
                    LINEARS, "linears",
                    SCALES, "scales",
                    AT, "ratio",
                    RATIO, "ratio",
                    LOSS, "mean squared error of the output",
                    SHARE, "loss, as a share of plain rounding's",
                    BEST, "best ratio",
                    GAIN, "least loss, as a share of plain rounding's"),
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
                    View.table("What wins", List.of(BLOCK, LINEARS), SCALES, BEST, GAIN)));

    private GridStudy() {}

    private static List<Point> points(Workbench bench) {
        int group = bench.groupSizes().getFirst();
        return bench.model().blocks().stream()
                .map(spec -> new Point(Row.labels(BLOCK, spec.index()), b -> rows(b, spec, group)))
                .toList();
    }

    private static List<Row> rows(Workbench bench, BlockSpec spec, int group) {
        BlockCapture capture = bench.calibration().capture(spec.index());
        BlockWeights weights = BlockWeights.load(spec, Parameters.of(bench.checkpoint()));
        var scheme = new QuantScheme(BITS, group, false, Range.REFERENCE);
        Map<List<String>, Double> plain = new HashMap<>();
        var rows = new ArrayList<Row>();
        for (Scaling scaling : List.of(Scaling.PLAIN, Scaling.DUO)) {
            bench.watch().step("searching", rows.isEmpty() ? 0 : 1, 2);
            var settings = new Awq.Settings(scaling, false, bench.settings().searchTokens());
            String scales = scaling == Scaling.PLAIN ? PAPER : "duo";
            for (Awq.GroupLosses found : new Awq(bench.runner(), settings).losses(spec, weights, capture, scheme)) {
                double whole = plain.computeIfAbsent(found.linears(), key -> found.losses()[0]); // the paper's at 0
                rows.addAll(rows(found, scales, whole));
            }
        }
        return rows;
    }

    private static List<Row> rows(Awq.GroupLosses found, String scales, double whole) {
        String linears = found.linears().stream()
                .map(name -> name.substring(name.lastIndexOf('.') + 1))
                .distinct()
                .collect(Collectors.joining(" "));
        var rows = new ArrayList<Row>();
        int best = 0;
        for (int i = 0; i < found.losses().length; i++) {
            double loss = found.losses()[i];
            best = loss < found.losses()[best] ? i : best;
            rows.add(new Row(
                    Row.labels(LINEARS, linears, SCALES, scales, AT, found.ratio(i)),
                    Map.of(RATIO, number(found.ratio(i)), LOSS, number(loss), SHARE, number(loss / whole))));
        }
        rows.add(new Row(
                Row.labels(LINEARS, linears, SCALES, scales),
                Map.of(BEST, number(found.ratio(best)), GAIN, number(found.losses()[best] / whole))));
        return rows;
    }

    private static Estimate number(double value) {
        return new Estimate(value, Double.NaN);
    }
}
