package awq4j.kernel;

import org.jspecify.annotations.Nullable;

/**
 * The operations a transformer is made of; each exists in every backend. All work on the rows of their buffers, and
 * rows never influence each other except in {@link #attend}: the result of a row does not depend on how many other
 * rows are in the call... up to rounding in {@link #linear}, where few rows and many rows may sum in another order.
 *
 * <p>Shapes that do not match give an {@link IllegalArgumentException} naming the operation and both shapes.
 */
public interface Kernels {
    /** {@code out[i] = table[ids[i]]}; out is [ids.length, table.columns]. */
    void embed(PlacedWeight table, int[] ids, Buffer out);

    /**
     * {@code out = x * weight^T + bias}.
     *
     * @param bias [1, weight.rows] or null
     * @param x [n, weight.columns]
     * @param out [n, weight.rows], not x
     */
    void linear(PlacedWeight weight, @Nullable Buffer bias, Buffer x, Buffer out);

    /**
     * RMS norm over consecutive segments of {@code gain.columns} values of each row: a whole row for a block norm, one
     * head for per-head norms. {@code out = x / sqrt(mean(x^2) + epsilon) * gain}; out may be x.
     */
    void rmsNorm(Buffer x, Buffer gain, float epsilon, Buffer out);

    /**
     * Layer norm over consecutive segments of {@code gain.columns} values of each row, as {@link #rmsNorm}; biased
     * variance; {@code bias} may be null; out may be x.
     */
    void layerNorm(Buffer x, Buffer gain, @Nullable Buffer bias, float epsilon, Buffer out);

    /**
     * Rotary embedding in place. In each head, values d and d + r/2 (d below r/2) turn by the angle of pair d, where r/2
     * is the number of columns of {@code cos}; values from r on stay.
     *
     * @param x [n, heads * headDim]
     * @param cos [n, r/2], the cosine of each row's angles, times any attention factor
     * @param sin [n, r/2]
     */
    void rotate(Buffer x, int headDim, Buffer cos, Buffer sin);

    /** The same with neighbours for pairs: values 2d and 2d + 1 turn by the angle of pair d. */
    void rotateNeighbours(Buffer x, int headDim, Buffer cos, Buffer sin);

    /**
     * Writes keys and values of row i to position {@code positions[i]} of {@code caches[sequences[i]]}.
     *
     * @param keys [n, kvHeads * headDim]
     * @param values [n, kvHeads * headDim]
     */
    void store(Buffer keys, Buffer values, int[] positions, int[] sequences, KvBuffer[] caches);

    /**
     * Causal attention: row i attends to positions 0..positions[i] of {@code caches[sequences[i]]}, or the window of
     * them that the shape names; all of these have been stored. Softmax in float32.
     *
     * @param queries [n, heads * headDim]
     * @param out [n, heads * headDim], not queries
     */
    void attend(Buffer queries, AttentionShape shape, int[] positions, int[] sequences, KvBuffer[] caches, Buffer out);

    /** {@code x = f(x)}. */
    void activate(Activation activation, Buffer x);

    /** {@code gate = f(gate) * up}. */
    void gate(Activation activation, Buffer gate, Buffer up);

    /** {@code to = to + x}; x may have one row, which is then added to every row. */
    void add(Buffer x, Buffer to);

    /** {@code to = to * x}; x may have one row, by which every row is then multiplied. */
    void multiply(Buffer x, Buffer to);

    /** {@code x = factor * x}. */
    void scale(float factor, Buffer x);

    /** Values beyond {@code limit} or {@code -limit} become it; NaN stays. */
    void clamp(float limit, Buffer x);

    /** {@code x = cap * tanh(x / cap)}. */
    void softcap(float cap, Buffer x);

    /** {@code out[i] = x[rows[i]]}, [rows.length, x.columns]. */
    void gather(Buffer x, int[] rows, Buffer out);

    /** {@code out[i] = x[rows[from + i]]} for each row of out: a stretch of a longer list. */
    void gather(Buffer x, int[] rows, int from, Buffer out);

    /**
     * {@code to[rows[from + i]] += weights[from + i] * x[i]} for each row of x; the stretch names no row twice. Product
     * and sum are rounded one after the other.
     */
    void scatter(Buffer x, int[] rows, float[] weights, int from, Buffer to);

    /** {@code x = 0}. */
    void clear(Buffer x);
}
