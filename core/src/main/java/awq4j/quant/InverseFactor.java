package awq4j.quant;

import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The upper triangular U with U^T U = H^-1, for a symmetric positive definite H: the Cholesky factor of the inverse, which
 * GPTQ walks along (Frantar et al., 2022, section 3.3).
 *
 * <p>The inverse itself is never formed. With the order of rows and columns reversed, H = L L^T gives H^-1 = L^-T L^-1,
 * and L^-1, reversed back, is U. That is half the arithmetic of factor, invert, factor again, and loses less. In double,
 * blocked; every row of a step and every strip of columns is one thread's, so results do not depend on their number.
 */
final class InverseFactor {
    private static final int BLOCK = 64;
    private static final int ROWS = 16;
    private static final int WIDTH = 512;

    private InverseFactor() {}

    /**
     * Computes U.
     *
     * @param h [n, n], symmetric; overwritten
     * @return [n, n], zeros below the diagonal; null if H is not positive definite
     */
    static float @Nullable [] of(double[] h, int n) {
        IntStream.range(0, n).parallel().forEach(row -> reverse(h, n, row));
        if (!cholesky(h, n)) {
            return null;
        }
        float[] u = new float[n * n];
        IntStream.range(0, (n + BLOCK - 1) / BLOCK).parallel().forEach(strip -> invert(h, n, strip * BLOCK, u));
        return u;
    }

    /** One row of the reversed matrix, into the lower triangle: what it is made of lies in the upper. */
    private static void reverse(double[] h, int n, int row) {
        for (int c = 0; c < row; c++) {
            int from = (n - 1 - row) * n + n - 1 - c;
            h[row * n + c] = h[from];
        }
        if (row < n - 1 - row) { // the diagonal is reversed in place, by its first half
            double kept = h[row * n + row];
            h[row * n + row] = h[(n - 1 - row) * n + n - 1 - row];
            h[(n - 1 - row) * n + n - 1 - row] = kept;
        }
    }

    /** L in the lower triangle, in place. */
    private static boolean cholesky(double[] a, int n) {
        double[] panel = new double[BLOCK * n];
        for (int k = 0; k < n; k += BLOCK) {
            int end = Math.min(n, k + BLOCK);
            for (int i = k; i < end; i++) {
                solveRow(a, n, k, i, i);
                double pivot = a[i * n + i];
                for (int p = k; p < i; p++) {
                    pivot -= a[i * n + p] * a[i * n + p];
                }
                if (!(pivot > 0) || Double.isInfinite(pivot)) {
                    return false;
                }
                a[i * n + i] = Math.sqrt(pivot);
            }
            int first = k;
            IntStream.range(end, n).parallel().forEach(i -> {
                solveRow(a, n, first, end, i);
                for (int p = first; p < end; p++) {
                    panel[(p - first) * n + i] = a[i * n + p];
                }
            });
            IntStream.range(0, (n - end + ROWS - 1) / ROWS).parallel().forEach(chunk -> {
                int from = end + chunk * ROWS;
                int to = Math.min(n, from + ROWS);
                for (int column = end; column < to; column += WIDTH) {
                    for (int i = from; i < to; i++) {
                        int stop = Math.min(column + WIDTH, i + 1);
                        for (int p = first; p < end; p++) {
                            subtract(a, i * n, a[i * n + p], panel, (p - first) * n, column, stop);
                        }
                    }
                }
            });
        }
        return true;
    }

    /** Row i of L, columns [first, end), from those of the rows before. */
    private static void solveRow(double[] a, int n, int first, int end, int i) {
        for (int c = first; c < end; c++) {
            double value = a[i * n + c];
            for (int p = first; p < c; p++) {
                value -= a[i * n + p] * a[c * n + p];
            }
            a[i * n + c] = value / a[c * n + c];
        }
    }

    /** {@code a[to + c] -= factor * b[from + c]} for c in [column, stop). */
    private static void subtract(double[] a, int to, double factor, double[] b, int from, int column, int stop) {
        for (int c = column; c < stop; c++) {
            a[to + c] -= factor * b[from + c];
        }
    }

    /** Columns [column, column + BLOCK) of L^-1, by forward substitution, written to their reversed places in u. */
    private static void invert(double[] l, int n, int column, float[] u) {
        int width = Math.min(BLOCK, n - column);
        double[] x = new double[(n - column) * width];
        for (int from = column; from < n; from += ROWS) {
            int to = Math.min(n, from + ROWS);
            for (int p = column; p < from; p++) {
                for (int i = from; i < to; i++) {
                    subtractRow(x, (i - column) * width, l[i * n + p], (p - column) * width, width);
                }
            }
            for (int i = from; i < to; i++) {
                int at = (i - column) * width;
                for (int p = from; p < i; p++) {
                    subtractRow(x, at, l[i * n + p], (p - column) * width, width);
                }
                if (i < column + width) {
                    x[at + i - column] += 1;
                }
                double pivot = l[i * n + i];
                for (int c = 0; c < width; c++) {
                    x[at + c] /= pivot;
                }
            }
        }
        for (int i = column; i < n; i++) {
            int columns = Math.min(width, i - column + 1);
            for (int c = 0; c < columns; c++) {
                u[(n - 1 - i) * n + n - 1 - column - c] = (float) x[(i - column) * width + c];
            }
        }
    }

    private static void subtractRow(double[] x, int to, double factor, int from, int width) {
        for (int c = 0; c < width; c++) {
            x[to + c] -= factor * x[from + c];
        }
    }
}
