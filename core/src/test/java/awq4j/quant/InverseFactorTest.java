package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.DoubleTile;
import awq4j.kernel.scalar.ScalarDoubleTile;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Gram matrix and the factor of its inverse against their definitions in double. */
class InverseFactorTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 17, 63, 64, 65, 130, 200})
    void gramIsTheSumOfProducts(int columns) {
        for (int tokens : new int[] {0, 1, 5, 256, 259, 600}) {
            float[] x = inputs(tokens, columns);
            float[] gram = Gram.of(x, columns);
            for (int i = 0; i < columns; i++) {
                for (int j = 0; j < columns; j++) {
                    double sum = 0;
                    double magnitudes = 0;
                    for (int t = 0; t < tokens; t++) {
                        double product = (double) x[t * columns + i] * x[t * columns + j];
                        sum += product;
                        magnitudes += Math.abs(product);
                    }
                    assertThat((double) gram[i * columns + j])
                            .as("(%d, %d) of %d columns, %d tokens", i, j, columns, tokens)
                            .isCloseTo(sum, within(4 * Math.sqrt(tokens) * 0x1p-24 * magnitudes));
                    assertThat(gram[i * columns + j]).isEqualTo(gram[j * columns + i]);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 15, 16, 17, 63, 64, 65, 129, 300, 600})
    void factorTimesItsTransposeIsTheInverse(int n) {
        double[] h = positive(n);
        float[] u = Objects.requireNonNull(InverseFactor.of(h.clone(), n));
        // U^T U H = 1 is asked as H U^T U = 1, column by column; U is rounded to float32 at the end, once
        double[][] product = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++) {
                double sum = 0;
                for (int j = k; j < n; j++) {
                    sum += h[i * n + j] * u[k * n + j];
                }
                product[i][k] = sum;
            }
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                double magnitudes = 0;
                for (int k = 0; k <= j; k++) {
                    sum += product[i][k] * u[k * n + j];
                    for (int c = k; c < n; c++) {
                        magnitudes += Math.abs(h[i * n + c] * (double) u[k * n + c] * u[k * n + j]);
                    }
                }
                assertThat(sum).as("(%d, %d) of %d", i, j, n).isCloseTo(i == j ? 1 : 0, within(0x1p-22 * magnitudes));
                assertThat(j >= i || u[i * n + j] == 0).as("upper").isTrue();
            }
        }
    }

    /** Factor, invert, factor again, by EJML, which knows nothing of reversed orders; with each kind of tile. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 47, 48, 49, 96, 97, 145, 200, 333, 777})
    void factorIsThatOfAnotherLibrary(int n) {
        double[] h = positive(n);
        var matrix = new DMatrixRMaj(n, n, true, h.clone());
        var inverse = new DMatrixRMaj(n, n);
        assertThat(CommonOps_DDRM.invert(matrix, inverse)).isTrue();
        var cholesky = DecompositionFactory_DDRM.chol(n, false);
        assertThat(cholesky.decompose(inverse)).isTrue();
        DMatrixRMaj upper = cholesky.getT(null);
        for (DoubleTile tile : List.of(DoubleTile.best(), new ScalarDoubleTile())) {
            float[] u = Objects.requireNonNull(InverseFactor.of(h.clone(), n, tile));
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    assertThat((double) u[i * n + j])
                            .as("(%d, %d) of %d, %s", i, j, n, tile.getClass())
                            .isCloseTo(j < i ? 0 : upper.get(i, j), within(1e-6 * upper.get(i, i)));
                }
            }
        }
    }

    /** Factor, invert by Gauss-Jordan, factor again: as the reference does it, in double. */
    @Test
    void factorIsTheCholeskyFactorOfTheInverse() {
        int n = 150;
        double[] h = positive(n);
        double[] inverse = inverse(h, n);
        double[] expected = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                double sum = inverse[i * n + j];
                for (int k = 0; k < i; k++) {
                    sum -= expected[k * n + i] * expected[k * n + j];
                }
                expected[i * n + j] = i == j ? Math.sqrt(sum) : sum / expected[i * n + i];
            }
        }
        float[] u = Objects.requireNonNull(InverseFactor.of(h.clone(), n));
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                assertThat((double) u[i * n + j])
                        .as("(%d, %d)", i, j)
                        .isCloseTo(expected[i * n + j], within(1e-6 * expected[i * n + i]));
            }
        }
    }

    @Test
    void whatIsNotPositiveDefiniteHasNoFactor() {
        assertThat(InverseFactor.of(new double[] {1, 2, 2, 1}, 2)).isNull();
        assertThat(InverseFactor.of(new double[] {Double.NaN}, 1)).isNull();
        assertThat(InverseFactor.of(new double[] {0}, 1)).isNull();
    }

    /** Late columns can spoil it as well, in every block. */
    @ParameterizedTest
    @ValueSource(ints = {0, 47, 48, 100, 299})
    void oneNegativeDirectionIsFound(int at) {
        int n = 300;
        double[] h = new double[n * n];
        for (int i = 0; i < n; i++) {
            h[i * n + i] = i == at ? -1 : 2;
        }
        assertThat(InverseFactor.of(h, n)).isNull();
    }

    @Test
    void dampingRisesUntilThereIsAFactor() {
        float[] gram = {1, 1.1f, 1.1f, 1}; // eigenvalues 2.1 and -0.1
        assertThat(Objects.requireNonNull(GptqFactor.of(gram, 2, null, 0, false))
                        .damping())
                .isEqualTo(0.16);
        float[] singular = {1, 1, 1, 1};
        assertThat(Objects.requireNonNull(GptqFactor.of(singular, 2, null, 0, false))
                        .damping())
                .isEqualTo(0.01);
        assertThat(GptqFactor.of(new float[] {1, 9, 9, 1}, 2, null, 0.01, false))
                .isNull();
    }

    private static double[] positive(int n) {
        float[] gram = Gram.of(inputs(2 * n + 3, n), n);
        double[] h = new double[n * n];
        for (int i = 0; i < h.length; i++) {
            h[i] = gram[i] + (i % (n + 1) == 0 ? 0.01 * n : 0);
        }
        return h;
    }

    private static double[] inverse(double[] matrix, int n) {
        double[] a = matrix.clone();
        double[] b = new double[n * n];
        for (int i = 0; i < n; i++) {
            b[i * n + i] = 1;
        }
        for (int k = 0; k < n; k++) {
            double pivot = a[k * n + k];
            for (int c = 0; c < n; c++) {
                a[k * n + c] /= pivot;
                b[k * n + c] /= pivot;
            }
            for (int r = 0; r < n; r++) {
                double factor = a[r * n + k];
                for (int c = 0; r != k && c < n; c++) {
                    a[r * n + c] -= factor * a[k * n + c];
                    b[r * n + c] -= factor * b[k * n + c];
                }
            }
        }
        return b;
    }

    private static float[] inputs(int tokens, int columns) {
        var random = new Random(7L * columns + tokens);
        float[] x = new float[tokens * columns];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian() * (i % columns % 13 == 5 ? 10 : 1);
        }
        return x;
    }
}
