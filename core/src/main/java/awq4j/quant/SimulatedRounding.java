package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Replaces the linears of a block by numbers that no packing holds, for studies that ask what a change costs and not how
 * it is stored. The same linears are replaced as plain rounding would round.
 */
final class SimulatedRounding {
    private final Backend backend;
    private final BlockSpec spec;
    private final BlockWeights weights;
    private final BlockCapture capture;
    private final Quantizer quantizer;

    /** Makes the numbers of one linear. */
    @FunctionalInterface
    interface Replacement {
        /**
         * What a linear becomes.
         *
         * @param original [rows, columns]; not to be modified
         * @param inputs what it saw, [tokens, columns]; not to be modified
         * @param plain what plain rounding makes of it, [rows, columns]; may be changed and returned
         * @return [rows, columns]
         */
        float[] of(Linear linear, float[] original, float[] inputs, float[] plain);
    }

    SimulatedRounding(
            Backend backend, BlockSpec spec, BlockWeights weights, BlockCapture capture, Quantizer quantizer) {
        this.backend = backend;
        this.spec = spec;
        this.weights = weights;
        this.capture = capture;
        this.quantizer = quantizer;
    }

    /** Replaces them all. */
    QuantizedBlock run(Replacement replacement) {
        Finite.require(weights);
        var rounding = new BlockRounding(spec, weights, quantizer);
        var remarks = new HashMap<String, String>();
        var losses = new HashMap<String, double[]>();
        OutputError error = null;
        Linear measured = null;
        for (Linear linear : spec.linears()) {
            String obstacle = BlockRounding.obstacle(spec, linear, quantizer.scheme());
            if (obstacle != null) {
                remarks.put(linear.name(), obstacle);
                continue;
            }
            int columns = linear.columns();
            float[] original = weights.values(linear.name());
            Weight codes = quantizer.quantize(linear.name(), linear.rows(), columns, original, null);
            String trouble = rounding.keep(linear, codes);
            if (trouble != null) {
                remarks.put(linear.name(), trouble);
                continue;
            }
            float[] plain = WeightCodec.decode(codes);
            float[] inputs = capture.input(linear.name());
            if (error == null || measured == null || !capture.sameInput(linear, measured)) {
                error = OutputError.of(backend, capture.statistics(backend, linear));
                measured = linear;
            }
            double before = error.meanSquare(original, plain);
            float[] values = replacement.of(linear, original, inputs, plain);
            losses.put(linear.name(), new double[] {before, error.meanSquare(original, values)});
            rounding.keep(linear, Weight.ofFloats(linear.name(), linear.rows(), columns, values));
        }
        remarks.putAll(rounding.takeBack());
        return rounding.finish(BlockRecipe.plain(spec.index()), reports(rounding, remarks, losses));
    }

    private List<LinearReport> reports(
            BlockRounding rounding, Map<String, String> remarks, Map<String, double[]> losses) {
        var reports = new ArrayList<LinearReport>();
        for (Linear linear : spec.linears()) {
            boolean replaced = rounding.rounded(linear) != null;
            double @Nullable [] loss = replaced ? losses.get(linear.name()) : null;
            reports.add(new LinearReport(
                    linear.name(),
                    replaced,
                    remarks.get(linear.name()),
                    loss == null ? 0 : loss[0],
                    loss == null ? 0 : loss[1],
                    capture.seen(linear)));
        }
        return reports;
    }
}
