package awq4j.kernel;

import awq4j.weight.InputOrder;
import org.jspecify.annotations.Nullable;

/**
 * A weight as row kernels hold it. A call of {@code linear} prepares the activations once, then multiplies disjoint
 * ranges of rows, in any order and on any threads; the result of a row depends on neither.
 */
public interface CpuWeight extends PlacedWeight {
    /**
     * Which input each column meets, null if column i meets input i. Whoever calls the other operations puts activations
     * into this order, and takes decoded rows out of it.
     */
    default @Nullable InputOrder inputOrder() {
        return null;
    }

    /** Writes the values of one row, [columns], to {@code out} from {@code at} on. */
    void decodeRow(int row, float[] out, int at);

    /** Ranges of rows given to {@link #multiply} start at a multiple of this. */
    int rowStep();

    /** Rows that are best multiplied in one call, a multiple of {@link #rowStep}. */
    int panelRows();

    /** Floats that {@link #prepare} fills for {@code n} tokens. */
    int preparedFloats(int n);

    /** Ints that {@link #prepare} fills for {@code n} tokens; if there are neither, it need not be called. */
    int preparedInts(int n);

    /**
     * Rearranges the activations of some tokens as {@link #multiply} wants them.
     *
     * @param x [n, columns]
     * @param from first token
     * @param to behind the last token
     * @param prepared has room for {@link #preparedFloats} and {@link #preparedInts}
     */
    void prepare(float[] x, int n, int from, int to, Prepared prepared);

    /**
     * {@code out[t, r] = x[t] * row r + bias[r]} for all tokens and a range of rows.
     *
     * @param prepared what {@link #prepare} made of x
     * @param bias [rows] or null
     * @param out [n, rows]
     */
    void multiply(
            float[] x,
            Prepared prepared,
            int n,
            float @Nullable [] bias,
            float[] out,
            int rowFrom,
            int rowTo,
            Scratch scratch);
}
