package awq4j.kernel;

import awq4j.weight.InputOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The linear that is under way: one object for all of a model's, so that a token allocates nothing. */
final class LinearProduct {
    private static final float[] NONE = {};

    final Prepared prepared = new Prepared();

    private @Nullable CpuWeight weight;
    private float @Nullable [] bias;
    private float[] x = NONE;
    private float[] out = NONE;
    private int tokens;
    private float[] gathered = NONE;

    void set(@Nullable CpuWeight matrix, float @Nullable [] shift, float[] activations, int rows, float[] result) {
        weight = matrix;
        bias = shift;
        x = activations;
        tokens = rows;
        out = result;
    }

    /** Lets go of the caller's memory. */
    void clear() {
        set(null, null, NONE, 0, NONE);
    }

    /** Whether the activations have to be put into the weight's order first. */
    boolean gathers() {
        return of().inputOrder() != null;
    }

    /** Makes room for the activations in the weight's order; {@link #gather} fills it. */
    void reserveGathered() {
        int size = Math.multiplyExact(tokens, of().columns());
        if (gathered.length < size) {
            gathered = new float[size];
        }
    }

    /** Puts the activations of some tokens into the weight's order. */
    void gather(int from, int to, Scratch scratch) {
        InputOrder order = Objects.requireNonNull(of().inputOrder());
        for (int t = from; t < to; t++) {
            order.gather(x, t * order.size(), gathered, t * order.size());
        }
    }

    /** From now on the gathered activations are those of the linear. */
    void useGathered() {
        x = gathered;
    }

    /** Prepares the activations of some tokens. */
    void prepare(int from, int to, Scratch scratch) {
        of().prepare(x, tokens, from, to, prepared);
    }

    /** Multiplies some steps of rows. */
    void multiply(int from, int to, Scratch scratch) {
        CpuWeight matrix = of();
        int step = matrix.rowStep();
        matrix.multiply(x, prepared, tokens, bias, out, from * step, Math.min(matrix.rows(), to * step), scratch);
    }

    private CpuWeight of() {
        if (weight == null) {
            throw new IllegalStateException("no linear is under way");
        }
        return weight;
    }
}
