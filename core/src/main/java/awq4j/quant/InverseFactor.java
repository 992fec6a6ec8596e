package awq4j.quant;

import awq4j.kernel.DoubleTile;
import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The upper triangular U with U^T U = H^-1, for a symmetric positive definite H: the Cholesky factor of the inverse, which
 * GPTQ walks along (Frantar et al., 2022, section 3.3).
 *
 * <p>The inverse itself is never formed. With the order of rows and columns reversed, H = L L^T gives H^-1 = L^-T L^-1,
 * and L^-1, reversed back, is U. That is half the arithmetic of factor, invert, factor again, and loses less. In double;
 * both steps halve the matrix until {@value #BASE} columns are left, so that nearly all of it is products of large
 * parts. Results do not depend on the number of threads.
 */
public final class InverseFactor {
    /** A multiple of every tile's sides. */
    private static final int BASE = 48;

    private static final int STRIP = 64;

    private final double[] m;
    private final int n;
    private final TiledProduct product;

    /** Inverses of the diagonal blocks of L, [BASE, BASE] each. */
    private final double[][] inverses;

    private InverseFactor(double[] h, int n, DoubleTile tile) {
        this.m = h;
        this.n = n;
        this.product = new TiledProduct(tile, h, n);
        this.inverses = new double[Math.ceilDiv(n, BASE)][];
    }

    /**
     * Computes U.
     *
     * @param h [n, n], symmetric; overwritten
     * @return [n, n], zeros below the diagonal; null if H is not positive definite
     */
    public static float @Nullable [] of(double[] h, int n) {
        return of(h, n, DoubleTile.best());
    }

    /** The same with given tiles. */
    static float @Nullable [] of(double[] h, int n, DoubleTile tile) {
        var factor = new InverseFactor(h, n, tile);
        IntStream.range(0, n).parallel().forEach(factor::reverse);
        if (!factor.cholesky(0, n)) {
            return null;
        }
        factor.invert(0, n);
        float[] u = new float[n * n];
        IntStream.range(0, n).parallel().forEach(row -> factor.write(row, u));
        return u;
    }

    /** Off the diagonal blocks the inversion left out a sign. */
    private void write(int row, float[] u) {
        int block = row / BASE * BASE;
        for (int c = 0; c <= row; c++) {
            double value = m[row * n + c];
            u[(n - 1 - row) * n + n - 1 - c] = (float) (c < block ? -value : value);
        }
    }

    /** One row of the reversed matrix, into the lower triangle: what it is made of lies in the upper. */
    private void reverse(int row) {
        for (int c = 0; c < row; c++) {
            int from = (n - 1 - row) * n + n - 1 - c;
            m[row * n + c] = m[from];
        }
        if (row < n - 1 - row) { // the diagonal is reversed in place, by its first half
            double kept = m[row * n + row];
            m[row * n + row] = m[(n - 1 - row) * n + n - 1 - row];
            m[(n - 1 - row) * n + n - 1 - row] = kept;
        }
    }

    private static int half(int size) {
        return Math.ceilDiv(size, 2 * BASE) * BASE;
    }

    private int at(int row, int column) {
        return row * n + column;
    }

    /** L of the diagonal block [from, from + size), in place; false if there is none. */
    private boolean cholesky(int from, int size) {
        if (size <= BASE) {
            return choleskyOfBase(from, size);
        }
        int half = half(size);
        int next = from + half;
        int left = size - half;
        if (!cholesky(from, half)) {
            return false;
        }
        solveTransposed(next, left, from, half);
        product.subtract(at(next, next), left, left, at(next, from), at(next, from), half, true, true);
        return cholesky(next, left);
    }

    private boolean choleskyOfBase(int from, int size) {
        for (int i = 0; i < size; i++) {
            for (int c = 0; c <= i; c++) {
                double value = m[at(from + i, from + c)];
                for (int p = 0; p < c; p++) {
                    value -= m[at(from + i, from + p)] * m[at(from + c, from + p)];
                }
                if (c < i) {
                    m[at(from + i, from + c)] = value / m[at(from + c, from + c)];
                } else if (value > 0 && value < Double.POSITIVE_INFINITY) {
                    m[at(from + i, from + i)] = Math.sqrt(value);
                } else {
                    return false;
                }
            }
        }
        double[] inverse = new double[BASE * BASE];
        for (int i = 0; i < size; i++) {
            inverse[i * BASE + i] = 1;
            for (int p = 0; p < i; p++) {
                subtract(inverse, i * BASE, m[at(from + i, from + p)], p * BASE, i);
            }
            for (int c = 0; c <= i; c++) {
                inverse[i * BASE + c] /= m[at(from + i, from + i)];
            }
        }
        inverses[from / BASE] = inverse;
        return true;
    }

    /** {@code x[to + c] -= factor * x[from + c]} for c below {@code count}. */
    private static void subtract(double[] x, int to, double factor, int from, int count) {
        for (int c = 0; c < count; c++) {
            x[to + c] -= factor * x[from + c];
        }
    }

    /** X L^T = B: {@code rows} rows from {@code row} on, columns and L from {@code from} on. */
    private void solveTransposed(int row, int rows, int from, int size) {
        if (size <= BASE) {
            double[] inverse = inverses[from / BASE];
            double[] transposed = new double[BASE * BASE];
            for (int i = 0; i < BASE * BASE; i++) {
                transposed[i % BASE * BASE + i / BASE] = inverse[i];
            }
            multiplyRows(row, rows, from, size, transposed);
            return;
        }
        int half = half(size);
        int next = from + half;
        solveTransposed(row, rows, from, half);
        product.subtract(at(row, next), rows, size - half, at(row, from), at(next, from), half, true, false);
        solveTransposed(row, rows, next, size - half);
    }

    /** X L = B, likewise. */
    private void solve(int row, int rows, int from, int size) {
        if (size <= BASE) {
            multiplyRows(row, rows, from, size, inverses[from / BASE]);
            return;
        }
        int half = half(size);
        int next = from + half;
        solve(row, rows, next, size - half);
        product.subtract(at(row, from), rows, half, at(row, next), at(next, from), size - half, false, false);
        solve(row, rows, from, half);
    }

    /** Rows of a base's width, times a matrix [BASE, BASE]. */
    private void multiplyRows(int row, int rows, int from, int size, double[] matrix) {
        strips(rows, (first, end) -> {
            double[] sums = new double[BASE];
            for (int r = row + first; r < row + end; r++) {
                Arrays.fill(sums, 0);
                for (int p = 0; p < size; p++) {
                    add(sums, m[at(r, from + p)], matrix, p * BASE);
                }
                System.arraycopy(sums, 0, m, at(r, from), size);
            }
        });
    }

    private static void add(double[] sums, double factor, double[] matrix, int from) {
        for (int c = 0; c < BASE; c++) {
            sums[c] += factor * matrix[from + c];
        }
    }

    /** L X = B: rows and L from {@code from} on, {@code columns} columns from {@code column} on. */
    private void solveBelow(int from, int size, int column, int columns) {
        if (size <= BASE) {
            double[] inverse = inverses[from / BASE];
            strips(columns, (first, end) -> {
                int width = end - first;
                double[] x = new double[size * width];
                for (int i = 0; i < size; i++) {
                    for (int p = 0; p <= i; p++) {
                        double factor = inverse[i * BASE + p];
                        int source = at(from + p, column + first);
                        for (int c = 0; c < width; c++) {
                            x[i * width + c] += factor * m[source + c];
                        }
                    }
                }
                for (int i = 0; i < size; i++) {
                    System.arraycopy(x, i * width, m, at(from + i, column + first), width);
                }
            });
            return;
        }
        int half = half(size);
        int next = from + half;
        solveBelow(from, half, column, columns);
        product.subtract(at(next, column), size - half, columns, at(next, from), at(from, column), half, false, false);
        solveBelow(next, size - half, column, columns);
    }

    /** L^-1 of a diagonal block, in place but for the sign: of (A 0; B C) it is (A^-1 0; -C^-1 B A^-1, C^-1). */
    private void invert(int from, int size) {
        if (size <= BASE) {
            for (int i = 0; i < size; i++) {
                System.arraycopy(inverses[from / BASE], i * BASE, m, at(from + i, from), size);
            }
            return;
        }
        int half = half(size);
        int next = from + half;
        solveBelow(next, size - half, from, half);
        solve(next, size - half, from, half);
        invert(from, half);
        invert(next, size - half);
    }

    private interface Strip {
        void at(int from, int to);
    }

    private static void strips(int count, Strip work) {
        int strips = Math.ceilDiv(count, STRIP);
        IntConsumer each = i -> work.at(i * STRIP, Math.min(count, (i + 1) * STRIP));
        if (strips == 1) {
            each.accept(0);
        } else {
            IntStream.range(0, strips).parallel().forEach(each);
        }
    }
}
