package awq4j.quant;

import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's rotations.
 *
 * @param values descending
 * @param vectors [n, n], row k belongs to value k
 */
record Jacobi(double[] values, double[] vectors) {
    private static final int SWEEPS = 40;

    /** @param a [n, n], symmetric; not modified */
    static Jacobi of(double[] a, int n) {
        double[] m = a.clone();
        double[] v = new double[n * n];
        for (int i = 0; i < n; i++) {
            v[i * n + i] = 1;
        }
        double total = 0;
        for (double value : m) {
            total += value * value;
        }
        for (int sweep = 0; sweep < SWEEPS; sweep++) {
            double off = 0;
            for (int p = 0; p < n; p++) {
                for (int q = p + 1; q < n; q++) {
                    off += m[p * n + q] * m[p * n + q];
                    turn(m, v, n, p, q);
                }
            }
            if (off <= 1e-24 * total) {
                break;
            }
        }
        int[] order = IntStream.range(0, n)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -m[i * n + i]))
                .mapToInt(Integer::intValue)
                .toArray();
        double[] values = new double[n];
        double[] vectors = new double[n * n];
        for (int k = 0; k < n; k++) {
            values[k] = m[order[k] * n + order[k]];
            System.arraycopy(v, order[k] * n, vectors, k * n, n);
        }
        return new Jacobi(values, vectors);
    }

    /** Makes m[p][q] zero, and turns the rows of v with it. */
    private static void turn(double[] m, double[] v, int n, int p, int q) {
        double apart = m[p * n + q];
        if (apart == 0) {
            return;
        }
        double theta = (m[q * n + q] - m[p * n + p]) / (2 * apart);
        double t = Math.copySign(1, theta) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        double cos = 1 / Math.sqrt(t * t + 1);
        double sin = t * cos;
        for (int k = 0; k < n; k++) { // columns p and q
            double left = m[k * n + p];
            double right = m[k * n + q];
            m[k * n + p] = cos * left - sin * right;
            m[k * n + q] = sin * left + cos * right;
        }
        turnRows(m, n, p, q, cos, sin);
        turnRows(v, n, p, q, cos, sin);
    }

    private static void turnRows(double[] m, int n, int p, int q, double cos, double sin) {
        for (int k = 0; k < n; k++) {
            double left = m[p * n + k];
            double right = m[q * n + k];
            m[p * n + k] = cos * left - sin * right;
            m[q * n + k] = sin * left + cos * right;
        }
    }

    /** The eigenvectors as mixtures of the rows of {@code x} [n, columns]. */
    float[] rotate(float[] x, int columns) {
        int n = values.length;
        float[] out = new float[n * columns];
        double[] sums = new double[columns];
        for (int k = 0; k < n; k++) {
            java.util.Arrays.fill(sums, 0);
            for (int i = 0; i < n; i++) {
                double factor = vectors[k * n + i];
                for (int c = 0; c < columns; c++) {
                    sums[c] += factor * x[i * columns + c];
                }
            }
            for (int c = 0; c < columns; c++) {
                out[k * columns + c] = (float) sums[c];
            }
        }
        return out;
    }
}
