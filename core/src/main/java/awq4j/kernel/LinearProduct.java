package awq4j.kernel;

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
