package awq4j.kernel;

import org.jspecify.annotations.Nullable;

/** The linear that is under way: one object for all of a model's, so that a token allocates nothing. */
final class LinearProduct {
    final Prepared prepared = new Prepared();

    private @Nullable CpuWeight weight;
    private float @Nullable [] bias;
    private float[] x = new float[0];
    private float[] out = x;
    private int tokens;

    void set(CpuWeight matrix, float @Nullable [] shift, float[] activations, int rows, float[] result) {
        weight = matrix;
        bias = shift;
        x = activations;
        tokens = rows;
        out = result;
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
