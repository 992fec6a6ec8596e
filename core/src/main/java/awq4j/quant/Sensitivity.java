package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.PlacedHead;
import awq4j.model.StoredMatrix;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a model's predictions lose if one matrix is rounded and nothing else: the Kullback-Leibler divergence from the
 * original's, in nats a token. Such losses nearly add up (docs/results/methods.md).
 *
 * <p>Each matrix is rounded to each width, and the block run with it: that tells the change of the block's output, as a
 * share of its squares. How much such a change costs depends on the matrix that made it, fourfold and more, and not on
 * the width. So the hidden states that came of one width go on through the rest of the model, beside those of all other
 * matrices, and what their predictions lose is what a change of this matrix's kind costs.
 *
 * <p>Blocks come one after the other; memory holds one, and the hidden states of some tokens for each matrix that is
 * followed. Where those would be too many, only every so many blocks are followed to the end, and a matrix of another
 * costs what that at the same place of the nearest of these does.
 */
public final class Sensitivity {
    /** What all hidden states that are followed may take, beside what a block makes of them. */
    private static final long BYTES = 1L << 30;

    private static final int LEAST_TOKENS = 512;
    private static final int MOST_TOKENS = 2048;

    private final ModelSpec model;
    private final BlockRunner runner;
    private final int sequences;
    private final int length;
    private final QuantScheme scheme;
    private final List<Integer> widths;
    private final int every;
    private final List<Measured> blocks = new ArrayList<>();

    /** What flows on from each matrix that is followed, one after the other, each [sequences * length, hidden]. */
    private float[] followed = {};

    /**
     * The matrices of a block that can be rounded.
     *
     * @param first number of the first one's hidden states; negative if they are not followed
     */
    private record Measured(int first, List<Change> changes) {}

    /**
     * What rounding a matrix changes.
     *
     * @param name tensor prefix
     * @param weights how many it has
     * @param byWidth the sum of squares that the block's output changes by, relative to that of the output
     */
    public record Change(String name, long weights, SortedMap<Integer, Double> byWidth) {}

    /**
     * For one model.
     *
     * @param sequences that all is measured on
     * @param length tokens of each
     * @param scheme what all widths share; its bits are not looked at, and it is packed densely
     * @param widths in bits, ascending, at least two; the second is followed
     */
    public Sensitivity(
            Backend backend, ModelSpec model, int sequences, int length, QuantScheme scheme, List<Integer> widths) {
        this.model = model;
        this.runner = new BlockRunner(backend, model);
        this.sequences = sequences;
        this.length = length;
        this.scheme = scheme.packedDensely();
        this.widths = List.copyOf(widths);
        this.every = Math.toIntExact(Math.ceilDiv(matrices(model) * bytes(sequences * length), BYTES));
    }

    /** How many tokens are enough for a model, and not too many. */
    public static int tokens(ModelSpec model) {
        long each = Math.max(1, matrices(model)) * model.hidden() * Float.BYTES;
        return Math.clamp(BYTES / each, LEAST_TOKENS, MOST_TOKENS);
    }

    private static long matrices(ModelSpec model) {
        return model.blocks().stream()
                .mapToLong(spec -> StoredMatrix.of(spec.quantizable()).size())
                .sum();
    }

    private long bytes(int tokens) {
        return (long) tokens * model.hidden() * Float.BYTES;
    }

    /**
     * Measures the next block.
     *
     * @param weights changed on the way, and as they were in the end
     * @param hidden [sequences * length, hidden], what flows into the block
     * @return what flows on at full precision
     */
    public float[] block(BlockSpec spec, BlockWeights weights, float[] hidden) {
        float[] outputs = runner.outputs(spec, weights, hidden, sequences, length);
        int before = followed.length / outputs.length;
        if (before > 0) {
            followed = runner.outputs(spec, weights, followed, before * sequences, length);
        }
        List<StoredMatrix> matrices = StoredMatrix.of(spec.quantizable()).stream()
                .filter(matrix -> roundable(spec, matrix))
                .toList();
        boolean follow = blocks.size() % every == 0
                || blocks.size() == model.blocks().size() - 1
                || blocks.getLast().changes().size() != matrices.size();
        if (follow) {
            float[] more = new float[followed.length + matrices.size() * outputs.length];
            System.arraycopy(followed, 0, more, 0, followed.length);
            followed = more;
        }
        var changes = new ArrayList<Change>();
        for (StoredMatrix matrix : matrices) {
            int at = follow ? (before + changes.size()) * outputs.length : -1;
            changes.add(change(spec, matrix, weights, hidden, outputs, at));
        }
        blocks.add(new Measured(follow ? before : -1, changes));
        return outputs;
    }

    private Change change(
            BlockSpec spec, StoredMatrix matrix, BlockWeights weights, float[] hidden, float[] outputs, int at) {
        Map<String, float[]> original = new LinkedHashMap<>();
        for (Linear part : matrix.parts()) {
            original.put(part.name(), weights.values(part.name()).clone());
        }
        double norm = squares(outputs, null);
        var byWidth = new TreeMap<Integer, Double>();
        for (int bits : widths) {
            Quantizer quantizer = Quantizer.forCheckpoints(scheme.withBits(bits));
            original.forEach((name, values) ->
                    quantizer.round(values.length / matrix.columns(), matrix.columns(), values, weights.values(name)));
            float[] changed = runner.outputs(spec, weights, hidden, sequences, length);
            byWidth.put(bits, norm == 0 ? 0 : squares(outputs, changed) / norm);
            if (at >= 0 && bits == probe()) {
                System.arraycopy(changed, 0, followed, at, changed.length);
            }
        }
        original.forEach((name, values) -> System.arraycopy(values, 0, weights.values(name), 0, values.length));
        return new Change(matrix.name(), (long) matrix.rows() * matrix.columns(), byWidth);
    }

    /** Wide enough that predictions change little, narrow enough that their change is no matter of rounding errors. */
    private int probe() {
        return widths.get(1);
    }

    private boolean roundable(BlockSpec spec, StoredMatrix matrix) {
        return matrix.parts().stream()
                .allMatch(part -> widths.stream()
                        .allMatch(bits -> BlockRounding.obstacle(spec, part, scheme.withBits(bits)) == null));
    }

    private static double squares(float[] a, float @Nullable [] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            double d = b == null ? a[i] : (double) a[i] - b[i];
            sum += d * d;
        }
        return sum;
    }

    /** What was measured of single blocks, in their order. */
    public List<Change> changes() {
        return blocks.stream().flatMap(block -> block.changes().stream()).toList();
    }

    /**
     * What each matrix costs at each width, in nats a token; to be called behind the last block.
     *
     * @param last what flowed on from the last block at full precision
     */
    public List<BitBudget.Candidate> losses(PlacedHead head, float[] last) {
        int count = followed.length / last.length;
        double[] divergences =
                new PredictionDivergence(runner.backend(), model, head).of(last, followed, count, sequences * length);
        var losses = new ArrayList<BitBudget.Candidate>();
        for (int i = 0; i < blocks.size(); i++) {
            List<Change> changes = blocks.get(i).changes();
            Measured nearest = nearest(i);
            for (int m = 0; m < changes.size(); m++) {
                Change change = changes.get(m);
                double there = changed(nearest.changes().get(m), probe());
                double rate = there == 0 ? 0 : divergences[nearest.first() + m] / there;
                var byWidth = new TreeMap<Integer, Double>();
                widths.forEach(bits -> byWidth.put(bits, rate * changed(change, bits)));
                losses.add(new BitBudget.Candidate(change.name(), change.weights(), byWidth));
            }
        }
        return losses;
    }

    private static double changed(Change change, int bits) {
        return change.byWidth().getOrDefault(bits, Double.NaN);
    }

    /** The nearest block that was followed and has as many matrices: itself, or the first of those behind each other. */
    private Measured nearest(int block) {
        int size = blocks.get(block).changes().size();
        for (int away = 0; away < blocks.size(); away++) {
            for (int at : new int[] {block - away, block + away}) {
                if (at >= 0
                        && at < blocks.size()
                        && blocks.get(at).first() >= 0
                        && blocks.get(at).changes().size() == size) {
                    return blocks.get(at);
                }
            }
        }
        throw new IllegalStateException("no block like block " + block + " was followed");
    }
}
