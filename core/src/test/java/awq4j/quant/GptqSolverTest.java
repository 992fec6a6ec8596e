package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.quant.QuantScheme.Range;
import awq4j.weight.WeightCodec;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GptqSolverTest {
    private static final int ROWS = 19;

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
        float[] corrected = WeightCodec.decode(new GptqSolver(quantizer, factor, actOrder, false).solve("w", ROWS, w));
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
        assertThat(WeightCodec.decode(new GptqSolver(quantizer, factor, true, false).solve("w", ROWS, w)))
                .isEqualTo(WeightCodec.decode(quantizer.quantize("w", ROWS, columns, w, null)));
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
