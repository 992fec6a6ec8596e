package awq4j.kernel;

import org.jspecify.annotations.Nullable;

/**
 * A weight as row kernels hold it. A call of {@code linear} prepares the activations once, then multiplies disjoint
 * ranges of rows, in any order and on any threads; the result of a row depends on neither.
 */
public interface CpuWeight extends PlacedWeight {
    /** Writes the values of one row, [columns], to {@code out} from {@code at} on. */
    void decodeRow(int row, float[] out, int at);

    /** Rows that are multiplied together; ranges given to {@link #multiply} start at a multiple. */
    int rowStep();

    /** Floats that {@link #prepare} fills for {@code n} tokens, 0 if the activations are used as they are. */
    int preparedSize(int n);

    /**
     * Rearranges the activations of some tokens as {@link #multiply} wants them.
     *
     * @param x [n, columns]
     * @param from first token
     * @param to behind the last token
     * @param prepared {@link #preparedSize} values
     */
    void prepare(float[] x, int n, int from, int to, float[] prepared);

    /**
     * {@code out[t, r] = x[t] * row r + bias[r]} for all tokens and a range of rows.
     *
     * @param prepared what {@link #prepare} made of x
     * @param bias [rows] or null
     * @param out [n, rows]
     */
    void multiply(
            float[] x,
            float[] prepared,
            int n,
            float @Nullable [] bias,
            float[] out,
            int rowFrom,
            int rowTo,
            Scratch scratch);
}
