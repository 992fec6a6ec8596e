package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.scalar.ScalarDoubleTile;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DoubleTileTest {
    private static final double FENCE = 7;
    private static final double U = 0x1p-53;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 7, 16, 31, 127, DoubleTile.DEPTH})
    void subtractsTheSumOfProducts(int k) {
        for (DoubleTile tile : List.of(new ScalarDoubleTile(), DoubleTile.best())) {
            var random = new Random(k);
            int rows = tile.rows();
            int columns = tile.columns();
            int stride = columns + 3;
            double[] a =
                    random.doubles(3 + (long) rows * DoubleTile.DEPTH, -1, 1).toArray();
            double[] b =
                    random.doubles(5 + (long) DoubleTile.DEPTH * columns, -1, 1).toArray();
            double[] c = new double[2 + rows * stride];
            java.util.Arrays.fill(c, FENCE);
            double[] before = c.clone();
            for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns; column++) {
                    int at = 2 + row * stride + column;
                    before[at] = random.nextDouble();
                    c[at] = before[at];
                }
            }
            tile.subtract(k, a, 3, b, 5, c, 2, stride);
            for (int i = 0; i < c.length; i++) {
                int row = (i - 2) / stride;
                int column = (i - 2) % stride;
                double expected = before[i];
                double magnitudes = Math.abs(expected);
                for (int p = 0; i >= 2 && column < columns && p < k; p++) {
                    double product = a[3 + row * DoubleTile.DEPTH + p] * b[5 + p * columns + column];
                    expected -= product;
                    magnitudes += Math.abs(product);
                }
                assertThat(c[i])
                        .as("%d, %d of %s, k = %d", row, column, tile.getClass(), k)
                        .isCloseTo(expected, within(4 * Math.sqrt(k + 1.0) * U * magnitudes));
            }
        }
    }
}
