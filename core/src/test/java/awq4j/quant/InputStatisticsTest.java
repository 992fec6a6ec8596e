package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InputStatisticsTest {
    private static final int TOKENS = 70;

    /** Added in pieces, in one piece, and merged, against sums in double; wider than a strip. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 64, 511, 512, 513, 700})
    void sumsAddUp(int columns) {
        var random = new Random(columns);
        float[] x = new float[TOKENS * columns];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian() * (1 + i % 5);
        }
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            var whole = InputStatistics.of(backend, x, columns);
            var pieces = new InputStatistics(columns, true);
            pieces.add(backend, Arrays.copyOfRange(x, 0, 13 * columns));
            pieces.add(backend, new float[0]);
            pieces.add(backend, Arrays.copyOfRange(x, 13 * columns, 14 * columns));
            var rest = new InputStatistics(columns, true);
            rest.add(backend, Arrays.copyOfRange(x, 14 * columns, x.length));
            pieces.merge(rest);
            var diagonal = new InputStatistics(columns, false);
            diagonal.add(backend, x);
            assertThat(diagonal.gram()).isNull();
            for (InputStatistics statistics : new InputStatistics[] {whole, pieces, diagonal}) {
                assertThat(statistics.tokens()).isEqualTo(TOKENS);
                requireSums(statistics, x, columns);
            }
        }
    }

    private static void requireSums(InputStatistics statistics, float[] x, int columns) {
        float[] gram = statistics.gram();
        float[] means = statistics.meanAbs();
        double[] squares = statistics.squares();
        for (int i = 0; i < columns; i++) {
            double magnitude = 0;
            double square = 0;
            for (int t = 0; t < TOKENS; t++) {
                magnitude += Math.abs((double) x[t * columns + i]);
                square += (double) x[t * columns + i] * x[t * columns + i];
            }
            assertThat((double) means[i]).isCloseTo(magnitude / TOKENS, within(1e-6 * magnitude / TOKENS));
            assertThat(squares[i]).isCloseTo(square, within(1e-12 * square));
            for (int j = 0; gram != null && j < columns; j += columns > 100 ? 7 : 1) {
                double sum = 0;
                double magnitudes = 0;
                for (int t = 0; t < TOKENS; t++) {
                    double product = (double) x[t * columns + i] * x[t * columns + j];
                    sum += product;
                    magnitudes += Math.abs(product);
                }
                assertThat((double) gram[i * columns + j])
                        .as("(%d, %d)", i, j)
                        .isCloseTo(sum, within(4 * Math.sqrt(TOKENS) * 0x1p-24 * magnitudes));
                assertThat(gram[i * columns + j]).isEqualTo(gram[j * columns + i]);
            }
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        var three = new InputStatistics(3, true);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> three.merge(new InputStatistics(3, false)))
                .withMessage("statistics of 3 columns with a Gram matrix and of 3 with a diagonal do not add up");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> three.merge(new InputStatistics(4, true)))
                .withMessage("statistics of 3 columns with a Gram matrix and of 4 with a Gram matrix do not add up");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new InputStatistics(46341, true))
                .withMessage("a Gram matrix of 46341 columns is none of 2^31 - 9 entries");
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> three.add(backend, new float[4]))
                    .withMessage("inputs of 3 columns: found 4 values, which are no whole rows");
        }
    }

    /** A block that is counted gives the sums of what a block that is kept gives; the limit leaves out what comes last. */
    @ParameterizedTest
    @CsvSource({"llama_tiny", "opt_tiny"})
    void countingABlockSeesWhatItsLinearsSee(String model) {
        try (var golden = new GoldenModel(model)) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockSpec spec = golden.spec.blocks().getFirst();
            float[] hidden = golden.embedded();
            int sequences = golden.calibration.length;
            var kept = runner.capture(spec, golden.weights(spec), hidden, sequences, golden.length());
            var counted = runner.count(spec, golden.weights(spec), hidden, sequences, golden.length());
            assertThat(counted.outputs()).isEqualTo(kept.outputs());
            assertThat(counted.capture().inputs()).isEmpty();
            for (Linear linear : spec.linears()) {
                float[] expected = Objects.requireNonNull(
                        kept.capture().statistics(golden.backend, linear).gram());
                float[] found = Objects.requireNonNull(
                        counted.capture().statistics(golden.backend, linear).gram());
                int columns = linear.columns();
                for (int i = 0; i < found.length; i++) {
                    double scale = Math.sqrt(
                            (double) expected[i / columns * (columns + 1)] * expected[i % columns * (columns + 1)]);
                    assertThat((double) found[i]).isCloseTo(expected[i], within(1e-5 * scale));
                }
                assertThat(counted.capture().seen(linear)).isEqualTo(golden.length() * sequences);
                for (Linear other : spec.linears()) {
                    assertThat(counted.capture().sameInput(linear, other))
                            .isEqualTo(kept.capture().sameInput(linear, other));
                }
            }
            int first = spec.linears().getFirst().columns();
            var limited = runner.capture(
                    spec,
                    golden.weights(spec),
                    hidden,
                    sequences,
                    golden.length(),
                    false,
                    linear -> true,
                    4L * first * first);
            assertThat(limited.capture()
                            .statistics(golden.backend, spec.linears().getFirst())
                            .gram())
                    .isNotNull();
            Linear last = spec.linears().getLast();
            assertThat(limited.capture().statistics(golden.backend, last).gram())
                    .isNull();
            QuantizedBlock block = new Gptq(runner, Gptq.Settings.DEFAULT)
                    .quantize(spec, golden.weights(spec), limited.capture(), QuantScheme.INT4_G128);
            assertThat(block.reports().getLast().reason())
                    .isEqualTo("not corrected: its Gram matrix is beyond what a block's may take in memory");
            assertThat(block.reports().getFirst().reason()).isNull();
        }
    }
}
