package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.quant.QuantScheme.Range;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GptqSolverTest {
    private static final int ROWS = 19;

    /** A value half-way between two codes, and all that follow it in its row, may go either way in float32. */
    private static final double EQUAL = 0.99;

    @ParameterizedTest
    @CsvSource({"32, false", "96, false", "128, false", "-1, false", "32, true", "128, true"})
    void errsLessThanPlainRounding(int groupSize, boolean actOrder) {
        int columns = 384;
        var random = new Random(3);
        float[] x = gaussians(random, 700 * columns);
        for (int t = 0; t < 700; t++) {
            for (int c = 1; c < columns; c++) {
                x[t * columns + c] += 0.7f * x[t * columns + c - 1];
            }
        }
        float[] w = gaussians(random, ROWS * columns);
        float[] gram = Gram.of(x, columns);
        var quantizer = Quantizer.forCheckpoints(new QuantScheme(4, groupSize, false, Range.INCLUDE_ZERO));
        var factor = Objects.requireNonNull(GptqFactor.of(gram, columns, null, 0.01, actOrder));
        float[] corrected = WeightCodec.decode(solve(quantizer, factor, actOrder, ROWS, w));
        float[] plain = WeightCodec.decode(quantizer.quantize("w", ROWS, columns, w, null));
        assertThat(error(gram, columns, w, corrected)).isLessThan(0.7 * error(gram, columns, w, plain));
    }

    @Test
    void independentInputsLeaveNothingToCorrect() {
        int columns = 64;
        float[] gram = new float[columns * columns];
        for (int c = 0; c < columns; c++) {
            gram[c * columns + c] = c + 1;
        }
        float[] w = gaussians(new Random(4), ROWS * columns);
        var quantizer = Quantizer.forCheckpoints(new QuantScheme(3, 32, false, Range.INCLUDE_ZERO));
        var factor = Objects.requireNonNull(GptqFactor.of(gram, columns, null, 0.01, true));
        assertThat(WeightCodec.decode(solve(quantizer, factor, true, ROWS, w)))
                .isEqualTo(WeightCodec.decode(quantizer.quantize("w", ROWS, columns, w, null)));
    }

    /**
     * Against the algorithm as it is written, one column after the other in double, over many batches and more rows than
     * are worked on at once: groups within batches, groups that batches end with, groups of several batches, one group, and
     * columns in another order with groups found beforehand or on the way.
     */
    @ParameterizedTest
    @CsvSource({
        "32, 700, false, false",
        "96, 700, false, false",
        "128, 700, false, false",
        "192, 700, false, false",
        "300, 700, false, false",
        "-1, 700, false, false",
        "128, 640, true, true",
        "128, 640, true, false",
        "48, 100, false, false"
    })
    void codesAreThoseOfTheAlgorithmColumnByColumn(int groupSize, int columns, boolean actOrder, boolean staticGroups) {
        int rows = 1030;
        var random = new Random(groupSize + columns);
        float[] x = gaussians(random, 900 * columns);
        for (int i = 1; i < x.length; i++) {
            x[i] = x[i] * (1 + i % columns % 5) + (i % columns == 0 ? 0 : 0.5f * x[i - 1]);
        }
        float[] w = gaussians(random, rows * columns);
        var quantizer = Quantizer.forCheckpoints(new QuantScheme(4, groupSize, false, Range.INCLUDE_ZERO));
        var factor = Objects.requireNonNull(GptqFactor.of(Gram.of(x, columns), columns, null, 0.01, actOrder));
        float[] ours = WeightCodec.decode(solve(quantizer, factor, staticGroups, rows, w));
        int equal = 0;
        for (int row = 0; row < rows; row += 103) {
            double[] expected = columnByColumn(quantizer, factor, staticGroups, w, row);
            for (int c = 0; c < columns; c++) {
                equal += Math.abs(ours[row * columns + c] - expected[c]) < 1e-3 ? 1 : 0;
            }
        }
        assertThat(equal).isGreaterThanOrEqualTo((int) (EQUAL * 10 * columns));
    }

    private static double[] columnByColumn(
            Quantizer quantizer, GptqFactor factor, boolean staticGroups, float[] w, int row) {
        int columns = factor.columns();
        int size = quantizer.scheme().groupSizeFor(columns);
        float[] original = java.util.Arrays.copyOfRange(w, row * columns, (row + 1) * columns);
        double[] left = new double[columns];
        for (int i = 0; i < columns; i++) {
            left[i] = original[factor.order()[i]];
        }
        double[] rounded = new double[columns];
        Quantizer.Grid grid = null;
        for (int i = 0; i < columns; i++) {
            if (staticGroups) {
                int from = factor.order()[i] / size * size;
                grid = quantizer.grid(original, from, Math.min(columns, from + size));
            } else if (i % size == 0) {
                float[] now = new float[Math.min(size, columns - i)];
                for (int c = 0; c < now.length; c++) {
                    now[c] = (float) left[i + c];
                }
                grid = quantizer.grid(now, 0, now.length);
            }
            Objects.requireNonNull(grid);
            double q = (quantizer.code((float) left[i], grid) - grid.zero()) * (double) grid.scale();
            double error = (left[i] - q) / factor.upper()[i * columns + i];
            for (int c = i; c < columns; c++) {
                left[c] -= error * factor.upper()[i * columns + c];
            }
            rounded[factor.order()[i]] = q;
        }
        return rounded;
    }

    private static Weight solve(Quantizer quantizer, GptqFactor factor, boolean staticGroups, int rows, float[] w) {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            return new GptqSolver(backend, quantizer, factor, staticGroups, false).solve("w", rows, w);
        }
    }

    private static double error(float[] gram, int columns, float[] w, float[] rounded) {
        double sum = 0;
        for (int row = 0; row < ROWS; row++) {
            for (int i = 0; i < columns; i++) {
                for (int j = 0; j < columns; j++) {
                    double left = rounded[row * columns + i] - w[row * columns + i];
                    sum += left * gram[i * columns + j] * (rounded[row * columns + j] - w[row * columns + j]);
                }
            }
        }
        return sum;
    }

    private static float[] gaussians(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
