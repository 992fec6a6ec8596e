package awq4j.kernel;

import awq4j.kernel.scalar.ScalarDoubleTile;
import awq4j.kernel.vector.VectorDoubleTile;

/**
 * The leaf of matrix products in double: {@code c -= a b} for one tile of c. Without state, for any number of threads at
 * once.
 *
 * <p>Its operands are packed: a row of a takes {@link #DEPTH} places, however much of it is used, and b has
 * {@link #columns} values for each of them.
 */
public interface DoubleTile {
    /** The longest sum of a call: what keeps both operands in the nearest cache. */
    int DEPTH = 128;

    /** Rows of a tile. */
    int rows();

    /** Columns of a tile. */
    int columns();

    /**
     * {@code c[row, column] -= sum over p of a[row, p] * b[p, column]}, in the order of p.
     *
     * @param k length of the sums, at most {@link #DEPTH}
     * @param a [rows, DEPTH] from {@code aAt} on
     * @param b [k, columns] from {@code bAt} on
     * @param c a whole tile from {@code cAt} on, its rows {@code stride} apart
     */
    void subtract(int k, double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int stride);

    /** Vectors where there are any, else plain loops. */
    static DoubleTile best() {
        return CpuBackend.vectorsPresent() ? new VectorDoubleTile() : new ScalarDoubleTile();
    }
}
