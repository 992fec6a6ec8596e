package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ParameterCount;
import awq4j.model.StoredMatrix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Pruning by weights and activations (Sun et al., Wanda, 2023): a weight counts as its magnitude times the norm of its
 * input channel's activations, compared within its row; the least become zero, nothing makes up for them. Each block
 * sees what the pruned blocks before it put out.
 *
 * <p>By itself it gives pruned matrices that are not quantized. A method of quantization may follow, which sees the
 * pruned block as if it had always been so: zero is a code of every group, so zeros stay; its losses are those against
 * the pruned weights. {@link Gptq} is not such a method, since its corrections fill zeros; {@link SparseGpt} is for that.
 */
public final class Wanda implements QuantMethod {
    private final BlockRunner runner;
    private final Sparsity sparsity;
    private final @Nullable QuantMethod then;

    /** Pruning alone. */
    public Wanda(BlockRunner runner, Sparsity sparsity) {
        this(runner, sparsity, null);
    }

    private Wanda(BlockRunner runner, Sparsity sparsity, @Nullable QuantMethod then) {
        this.runner = runner;
        this.sparsity = sparsity;
        this.then = then;
    }

    /** Pruning, then quantization of what is left. */
    public static Wanda before(QuantMethod then, BlockRunner runner, Sparsity sparsity) {
        return new Wanda(runner, sparsity, then);
    }

    @Override
    public String name() {
        return then == null ? "wanda" : "wanda+" + then.name();
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    @Override
    public boolean everyExpert() {
        return then != null && then.everyExpert();
    }

    @Override
    public boolean seesQuantized() {
        return true;
    }

    @Override
    public boolean recipeSuffices() {
        return false;
    }

    @Override
    public Effort effort(BlockSpec spec, long tokens) {
        var own = new Effort(0, 2.0 * ParameterCount.of(spec)); // a weight is compared about as long as it is rounded
        return then == null ? own : own.plus(then.effort(spec, tokens));
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        Finite.require(weights);
        var pruned = new HashSet<String>();
        var losses = new HashMap<String, Double>();
        for (Linear linear : spec.linears()) {
            if (!spec.steers(linear)) {
                float[] values = weights.values(linear.name());
                float[] original = then == null ? values.clone() : values;
                float[] inputs = capture.input(linear.name());
                prune(linear, values, squares(inputs, linear.columns()));
                pruned.add(linear.name());
                if (then == null) {
                    losses.put(linear.name(), loss(linear, original, values, inputs));
                }
            }
        }
        return then == null
                ? alone(spec, weights, capture, scheme, losses)
                : completed(then.quantize(spec, weights, capture, scheme), spec, weights, pruned);
    }

    private QuantizedBlock alone(
            BlockSpec spec,
            BlockWeights weights,
            BlockCapture capture,
            QuantScheme scheme,
            Map<String, Double> losses) {
        var rounding = new BlockRounding(spec, weights, Quantizer.forCheckpoints(scheme));
        var reports = new ArrayList<LinearReport>();
        for (Linear linear : spec.linears()) {
            Double loss = losses.get(linear.name());
            if (loss != null) {
                rounding.rewritten(linear);
            }
            reports.add(new LinearReport(
                    linear.name(),
                    false,
                    loss == null ? "stays as it is" : "pruned " + sparsity.label() + ", not quantized",
                    loss == null ? 0 : Double.NaN,
                    loss == null ? 0 : loss,
                    capture.seen(linear)));
        }
        return rounding.finish(BlockRecipe.plain(spec.index()), reports);
    }

    /** With what was pruned among what was changed, where it was not quantized afterwards. */
    static QuantizedBlock completed(QuantizedBlock block, BlockSpec spec, BlockWeights weights, Set<String> pruned) {
        var changed = new LinkedHashMap<>(block.changed());
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            boolean left =
                    matrix.parts().stream().noneMatch(part -> block.linears().containsKey(part.name()));
            if (left && matrix.parts().stream().anyMatch(part -> pruned.contains(part.name()))) {
                changed.put(matrix.name() + ".weight", matrix.values(part -> weights.values(part.name())));
            }
        }
        return new QuantizedBlock(block.linears(), changed, block.corrections(), block.recipe(), block.reports());
    }

    private double loss(Linear linear, float[] original, float[] values, float[] inputs) {
        var error = new OutputError(runner.backend(), inputs, linear.columns(), linear.rows());
        return error.meanSquare(original, values);
    }

    /**
     * Squared norm of the activations of each channel, [columns]. The reference divides by the number of sequences, which
     * no comparison sees.
     *
     * @param inputs [tokens, columns]
     */
    static double[] squares(float[] inputs, int columns) {
        double[] sums = new double[columns];
        for (int at = 0; at < inputs.length; at += columns) {
            for (int c = 0; c < columns; c++) {
                sums[c] += (double) inputs[at + c] * inputs[at + c];
            }
        }
        return sums;
    }

    /** Sets the least weights of every row to zero; of equal ones the first. */
    void prune(Linear linear, float[] values, double[] squares) {
        int columns = linear.columns();
        float[] norms = new float[columns];
        for (int c = 0; c < columns; c++) {
            norms[c] = (float) Math.sqrt(squares[c]);
        }
        IntStream.range(0, linear.rows()).parallel().forEach(row -> {
            int at = row * columns;
            float[] scores = new float[columns];
            for (int c = 0; c < columns; c++) {
                scores[c] = Math.abs(values[at + c]) * norms[c];
            }
            boolean[] gone = new boolean[columns];
            switch (sparsity) {
                case Sparsity.Share share -> Sparsity.markLeast(scores, 0, columns, share.of(columns), gone, 0);
                case Sparsity.Pattern pattern -> {
                    for (int from = 0; from < columns; from += pattern.run()) {
                        int width = Math.min(pattern.run(), columns - from);
                        Sparsity.markLeast(scores, from, width, pattern.of(width), gone, from);
                    }
                }
            }
            for (int c = 0; c < columns; c++) {
                values[at + c] = gone[c] ? 0 : values[at + c];
            }
        });
    }
}
