package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.weight.LowRank;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The nearest matrix of low rank against EJML's singular value decomposition of R S, where S S^T is the Gram matrix: the
 * definition, by the way that the code avoids.
 */
class LowRankFitTest {
    /** What ending the iteration early, and float16 factors, may cost of the loss. */
    private static final double WORSE = 2e-3;

    @ParameterizedTest
    @CsvSource({
        "40, 30, 5, gram, decaying",
        "40, 30, 5, diagonal, decaying",
        "40, 30, 5, none, decaying",
        "30, 40, 4, gram, flat",
        "120, 90, 8, gram, flat",
        "90, 160, 16, gram, flat",
        "90, 160, 16, diagonal, flat",
        "160, 90, 16, none, flat",
        "1, 7, 3, gram, flat",
        "7, 1, 3, gram, flat",
        "24, 17, 17, gram, flat"
    })
    void lossIsTheLeastPossible(int rows, int columns, int rank, String weighting, String spectrum) {
        var random = new Random(rows + 31L * columns);
        float[] residual = residual(random, rows, columns, spectrum.equals("decaying"));
        float[] gram = gram(random, columns);
        float[] diagonal = new float[columns];
        double[] weights = new double[columns * columns];
        for (int i = 0; i < weights.length; i++) {
            boolean on = i % columns == i / columns;
            weights[i] = weighting.equals("gram") ? gram[i] : !on ? 0 : weighting.equals("diagonal") ? gram[i] : 1;
            if (on) {
                diagonal[i / columns] = gram[i];
            }
        }
        LowRank found = fit(
                rows,
                columns,
                residual,
                weighting.equals("gram") ? gram : null,
                weighting.equals("diagonal") ? diagonal : null,
                rank);
        double whole = loss(rows, columns, residual, new float[residual.length], weights);
        double least = least(rows, columns, residual, weights, rank);
        double ours = loss(rows, columns, residual, found.decode(), weights);
        assertThat(found.rank()).isEqualTo(Math.min(rank, Math.min(rows, columns)));
        assertThat(ours).isBetween(least * (1 - 1e-6) - 1e-6 * whole, least * (1 + WORSE) + 1e-6 * whole);
    }

    /** Inputs that leave directions out: what they say nothing about does no harm, though G has no inverse. */
    @Test
    void singularGramMatrixNeedsNoInverse() {
        var random = new Random(5);
        int rows = 20;
        int columns = 24;
        float[] inputs = gaussians(random, 6 * columns); // 6 tokens: rank 6
        float[] gram = Gram.of(inputs, columns);
        float[] residual = residual(random, rows, columns, false);
        LowRank found = fit(rows, columns, residual, gram, null, 6);
        double[] weights = new double[gram.length];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = gram[i];
        }
        double before = loss(rows, columns, residual, new float[residual.length], weights);
        assertThat(loss(rows, columns, residual, found.decode(), weights)).isLessThan(1e-5 * before);
        for (float value : found.decode()) {
            assertThat(Math.abs(value)).isLessThan(5);
        }
    }

    @Test
    void nothingLeftNeedsNoCorrection() {
        LowRank found = fit(6, 5, new float[30], gram(new Random(1), 5), null, 2);
        assertThat(found.decode()).containsOnly(0);
    }

    @Test
    void eigenvectorsAreEjmls() {
        var random = new Random(8);
        int n = 21;
        float[] gram = gram(random, n);
        double[] a = new double[n * n];
        for (int i = 0; i < a.length; i++) {
            a[i] = gram[i];
        }
        Jacobi ours = Jacobi.of(a, n);
        var theirs = DecompositionFactory_DDRM.eig(n, true, true);
        assertThat(theirs.decompose(new DMatrixRMaj(n, n, true, a.clone()))).isTrue();
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
            values[i] = -theirs.getEigenvalue(i).getReal();
        }
        java.util.Arrays.sort(values);
        for (int k = 0; k < n; k++) {
            assertThat(ours.values()[k]).isCloseTo(-values[k], within(1e-10 * -values[0]));
            for (int i = 0; i < n; i++) {
                double product = 0;
                for (int j = 0; j < n; j++) {
                    product += a[i * n + j] * ours.vectors()[k * n + j];
                }
                assertThat(product)
                        .isCloseTo(ours.values()[k] * ours.vectors()[k * n + i], within(1e-9 * ours.values()[0]));
            }
        }
    }

    private static LowRank fit(
            int rows, int columns, float[] residual, float @Nullable [] gram, float @Nullable [] diagonal, int rank) {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            return LowRankFit.of(backend, "w", rows, columns, residual, gram, diagonal, rank);
        }
    }

    /** The sum of the squared singular values of R S behind the first {@code rank}. */
    private static double least(int rows, int columns, float[] residual, double[] weights, int rank) {
        var eig = DecompositionFactory_DDRM.eig(columns, true, true);
        eig.decompose(new DMatrixRMaj(columns, columns, true, weights.clone()));
        var root = new DMatrixRMaj(columns, columns);
        for (int k = 0; k < columns; k++) {
            double value = Math.sqrt(Math.max(0, eig.getEigenvalue(k).getReal()));
            for (int i = 0; i < columns; i++) {
                root.set(i, k, value * eig.getEigenVector(k).get(i, 0));
            }
        }
        var r = new DMatrixRMaj(rows, columns);
        for (int i = 0; i < residual.length; i++) {
            r.data[i] = residual[i];
        }
        var product = new DMatrixRMaj(rows, columns);
        CommonOps_DDRM.mult(r, root, product);
        var svd = DecompositionFactory_DDRM.svd(rows, columns, false, false, true);
        svd.decompose(product);
        double[] values = svd.getSingularValues().clone();
        java.util.Arrays.sort(values);
        double sum = 0;
        for (int i = 0; i < Math.min(rows, columns) - rank; i++) {
            sum += values[values.length - Math.min(rows, columns) + i]
                    * values[values.length - Math.min(rows, columns) + i];
        }
        return sum;
    }

    private static double loss(int rows, int columns, float[] residual, float[] correction, double[] weights) {
        double sum = 0;
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < columns; i++) {
                double left = (double) residual[row * columns + i] - correction[row * columns + i];
                for (int j = 0; j < columns; j++) {
                    sum += left
                            * weights[i * columns + j]
                            * ((double) residual[row * columns + j] - correction[row * columns + j]);
                }
            }
        }
        return sum;
    }

    private static float[] residual(Random random, int rows, int columns, boolean decaying) {
        float[] residual = gaussians(random, rows * columns);
        if (decaying) {
            float[] left = gaussians(random, rows * 12);
            float[] right = gaussians(random, 12 * columns);
            for (int i = 0; i < residual.length; i++) {
                residual[i] *= 0.01f;
                for (int k = 0; k < 12; k++) {
                    residual[i] += left[i / columns * 12 + k] * right[k * columns + i % columns] / (1 << k);
                }
            }
        }
        return residual;
    }

    private static float[] gram(Random random, int columns) {
        int tokens = 3 * columns;
        float[] x = gaussians(random, tokens * columns);
        for (int t = 0; t < tokens; t++) {
            for (int c = 1; c < columns; c++) {
                x[t * columns + c] += 0.7f * x[t * columns + c - 1];
            }
        }
        return Gram.of(x, columns);
    }

    private static float[] gaussians(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
