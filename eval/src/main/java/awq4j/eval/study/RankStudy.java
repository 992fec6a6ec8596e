package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.quant.Awq;
import awq4j.quant.Gptq;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Rtn;
import awq4j.quant.WithLowRank;
import awq4j.quant.WithLowRank.Weighting;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Low-rank corrections of what rounding loses. */
final class RankStudy {
    private static final String RANK = "rank";
    private static final List<Integer> RANKS = List.of(4, 8, 16, 32);
    private static final List<Integer> FEW = List.of(8, 32);

    static final Study STUDY = new Study(
            "rank",
            "Low rank",
            "What a matrix of low rank in FP16 beside each linear makes up for, by how the residual is weighted and what"
                    + " made the codes.",
            Map.of(RANK, "rank"),
            RankStudy::points,
            List.of(
                    View.line("Divergence from the original", RANK, Workbench.KL)
                            .by(Row.METHOD)
                            .panels(Row.BITS)
                            .logY()
                            .note("Lower is better. Unweighted is the singular value decomposition of the residual; the"
                                    + " others count an input channel by its activations, alone or with all others."),
                    View.scatter("Size and divergence", Workbench.BYTES, Workbench.KL)
                            .by(Row.METHOD)
                            .panels(Row.BITS)
                            .logY()
                            .note("Down and to the left is better: what the same bytes would bring elsewhere."),
                    View.table("Divergence", List.of(Row.METHOD, Row.BITS, Row.GROUP), RANK, Workbench.KL),
                    View.table("Perplexity", List.of(Row.METHOD, Row.BITS, Row.GROUP), RANK, Workbench.PERPLEXITY),
                    View.table(
                                    "Perplexity above FP16, %",
                                    List.of(Row.METHOD, Row.BITS, Row.GROUP), RANK, Workbench.RISE)
                            .except(Row.METHOD, "FP16")
                            .note("Its error is of the difference on the same tokens."),
                    View.table("Bytes", List.of(Row.METHOD, Row.BITS, Row.GROUP), RANK, Workbench.BYTES)));

    private RankStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        points.add(Point.of(
                Row.labels(Row.METHOD, "FP16", Row.BITS, "16", Row.GROUP, "none", RANK, "0"),
                Workbench::qualityOfOriginal));
        for (int group : bench.groupSizes()) {
            for (int bits : List.of(2, 3, 4)) {
                var rtn = new Rtn();
                points.add(new Point(
                        Row.labels(Row.BITS, bits, Row.GROUP, group, RANK, 0), here -> plain(here, rtn, bits, group)));
                for (Weighting weighting : Weighting.values()) {
                    corrected(points, bench, label(weighting), bits, group, rtn, weighting, RANKS);
                }
                var awq = new Awq(bench.runner(), bench.settings().awq());
                add(points, "AWQ, by Gram matrix", bits, group, awq, 0);
                corrected(points, bench, "AWQ, by Gram matrix", bits, group, awq, Weighting.GRAM, FEW);
                var gptq = new Gptq(bench.runner(), Gptq.Settings.DEFAULT);
                add(points, "GPTQ, by Gram matrix", bits, group, gptq, 0);
                corrected(points, bench, "GPTQ, by Gram matrix", bits, group, gptq, Weighting.GRAM, FEW);
            }
        }
        return points;
    }

    private static String label(Weighting weighting) {
        return switch (weighting) {
            case NONE -> "RTN, unweighted";
            case DIAGONAL -> "RTN, by diagonal";
            case GRAM -> "RTN, by Gram matrix";
        };
    }

    /** Nothing corrected: where the lines of all weightings begin. */
    private static List<Row> plain(Workbench bench, QuantMethod rtn, int bits, int group) {
        Map<String, Estimate> numbers = quality(bench, rtn, bits, group);
        return Arrays.stream(Weighting.values())
                .map(weighting -> new Row(Row.labels(Row.METHOD, label(weighting)), numbers))
                .toList();
    }

    private static void corrected(
            List<Point> points,
            Workbench bench,
            String label,
            int bits,
            int group,
            QuantMethod base,
            Weighting weighting,
            List<Integer> ranks) {
        for (int rank : ranks) {
            var settings = new WithLowRank.Settings(rank, weighting);
            add(points, label, bits, group, new WithLowRank(base, bench.runner(), settings), rank);
        }
    }

    private static void add(List<Point> points, String label, int bits, int group, QuantMethod method, int rank) {
        points.add(Point.of(
                Row.labels(Row.METHOD, label, Row.BITS, bits, Row.GROUP, group, RANK, rank),
                bench -> quality(bench, method, bits, group)));
    }

    private static Map<String, Estimate> quality(Workbench bench, QuantMethod method, int bits, int group) {
        var scheme = new QuantScheme(bits, group, false, Range.INCLUDE_ZERO);
        return bench.quality(bench.changed(BlockChange.counting(BlockChange.of(method, scheme)), bench.calibration()));
    }
}
