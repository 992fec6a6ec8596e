package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.quant.Awq;
import awq4j.quant.Gptq;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Rtn;
import awq4j.quant.SparseGpt;
import awq4j.quant.Sparsity;
import awq4j.quant.Wanda;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Pruning, alone and under quantization. */
final class SparsityStudy {
    private static final String ZEROS = "zeros";
    private static final String PACKED = "packed";
    private static final String NONE = "none";
    private static final int BITS = 4;

    private static final List<Sparsity> SPARSITIES = List.of(
            new Sparsity.Share(0.2),
            new Sparsity.Share(0.4),
            new Sparsity.Share(0.5),
            new Sparsity.Share(0.6),
            Sparsity.Pattern.TWO_OF_FOUR);

    static final Study STUDY = new Study(
            "sparsity",
            "Sparsity",
            "What it costs to set weights to zero by Wanda and by SparseGPT, alone and together with 4 bits.",
            Map.of(ZEROS, "weights set to zero", PACKED, "bytes with zeros left out"),
            SparsityStudy::points,
            List.of(
                    View.line("Divergence from the original", ZEROS, Workbench.KL)
                            .by(Row.METHOD)
                            .panels(Row.BITS)
                            .logY()
                            .note(
                                    "Lower is better. 2:4 sets two of every four neighbours to zero, as GPUs can use it."),
                    View.scatter("Size and divergence", PACKED, Workbench.KL)
                            .by(Row.METHOD)
                            .logY()
                            .note(
                                    "Down and to the left is better. The size is what a format would take that leaves zeros"
                                            + " out: a bit a weight says where they are, with 2:4 two bits for each that stays."
                                            + " awq4j stores zeros as codes like any other."),
                    View.table("Divergence", List.of(Row.METHOD, Row.BITS, Row.GROUP), ZEROS, Workbench.KL),
                    View.table("Perplexity", List.of(Row.METHOD, Row.BITS, Row.GROUP), ZEROS, Workbench.PERPLEXITY),
                    View.table(
                                    "Perplexity above FP16, %",
                                    List.of(Row.METHOD, Row.BITS, Row.GROUP), ZEROS, Workbench.RISE)
                            .except(Row.METHOD, "FP16")
                            .note("Its error is of the difference on the same tokens."),
                    View.table("Bytes", List.of(Row.METHOD, Row.BITS, Row.GROUP), ZEROS, PACKED)));

    private SparsityStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        points.add(Point.of(
                Row.labels(Row.METHOD, "FP16", Row.BITS, "16", Row.GROUP, NONE, ZEROS, NONE),
                here -> packed(here, here.qualityOfOriginal(), null, 16)));
        for (Sparsity sparsity : SPARSITIES) {
            add(points, "Wanda", 16, 0, new Wanda(bench.runner(), sparsity), sparsity);
            var settings = new SparseGpt.Settings(sparsity, false);
            add(points, "SparseGPT", 16, 0, new SparseGpt(bench.runner(), settings), sparsity);
        }
        var awq = new Awq(bench.runner(), bench.settings().awq());
        for (int group : bench.groupSizes()) {
            add(points, "Wanda, RTN", BITS, group, new Rtn(), null);
            add(points, "Wanda, AWQ", BITS, group, awq, null);
            add(points, "SparseGPT with GPTQ", BITS, group, new Gptq(bench.runner(), Gptq.Settings.DEFAULT), null);
            for (Sparsity sparsity : SPARSITIES) {
                add(points, "Wanda, RTN", BITS, group, Wanda.before(new Rtn(), bench.runner(), sparsity), sparsity);
                add(points, "Wanda, AWQ", BITS, group, Wanda.before(awq, bench.runner(), sparsity), sparsity);
                var joint = new SparseGpt(bench.runner(), new SparseGpt.Settings(sparsity, true));
                add(points, "SparseGPT with GPTQ", BITS, group, joint, sparsity);
            }
        }
        return points;
    }

    private static void add(
            List<Point> points, String label, int bits, int group, QuantMethod method, @Nullable Sparsity sparsity) {
        var scheme = new QuantScheme(BITS, Math.max(1, group), false, Range.INCLUDE_ZERO);
        points.add(Point.of(
                Row.labels(
                        Row.METHOD,
                        label,
                        Row.BITS,
                        bits,
                        Row.GROUP,
                        group == 0 ? NONE : group,
                        ZEROS,
                        sparsity == null ? NONE : sparsity.label()),
                bench -> {
                    Variant variant = bench.changed(
                            BlockChange.of(method, scheme), method.calibrated() ? bench.calibration() : null);
                    return packed(bench, bench.quality(variant), sparsity, bits);
                }));
    }

    /** With the size that a format would have that leaves zeros out. */
    private static Map<String, Estimate> packed(
            Workbench bench, Map<String, Estimate> numbers, @Nullable Sparsity sparsity, int bits) {
        long weights = 0;
        for (BlockSpec spec : bench.model().blocks()) {
            for (Linear linear : spec.linears()) {
                weights += spec.steers(linear) ? 0 : (long) linear.rows() * linear.columns();
            }
        }
        double each = switch (sparsity) {
            case null -> bits;
            case Sparsity.Share share -> (1 - share.share()) * bits + 1;
            case Sparsity.Pattern pattern ->
                (1 - (double) pattern.zeros() / pattern.run())
                        * (bits + Math.ceil(Math.log(pattern.run()) / Math.log(2)));
        };
        var all = new LinkedHashMap<>(numbers);
        double bytes = Objects.requireNonNull(all.get(Workbench.BYTES)).value() - weights * (bits - each) / Byte.SIZE;
        all.put(PACKED, Estimate.exact(Math.ceil(bytes)));
        return all;
    }
}
