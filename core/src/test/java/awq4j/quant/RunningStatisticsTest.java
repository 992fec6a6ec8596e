package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunningStatisticsTest {
    private static final int TOKENS = 331;
    private static final double HALF_LIFE = 100;

    /** The definition: a token of the k-th block from the end weighs keep to the number of tokens in the blocks behind it. */
    private record Slow(double weight, double[] magnitudes, double[] squares, double[][] gram, double[][] reach) {
        static Slow of(float[][] rows, int columns, int every) {
            var counted = new java.util.ArrayList<float[]>();
            for (int t = 0; t < rows.length; t += every) {
                counted.add(rows[t]);
            }
            double keep = Math.pow(0.5, every / HALF_LIFE);
            double weight = 0;
            double[] magnitudes = new double[columns];
            double[] squares = new double[columns];
            double[][] gram = new double[columns][columns];
            double[][] reach = new double[columns][columns];
            for (int t = 0; t < counted.size(); t++) {
                int end = Math.min(counted.size(), (t / RunningStatistics.BLOCK + 1) * RunningStatistics.BLOCK);
                double share = Math.pow(keep, counted.size() - end);
                weight += share;
                float[] row = counted.get(t);
                for (int i = 0; i < columns; i++) {
                    magnitudes[i] += share * Math.abs(row[i]);
                    squares[i] += share * row[i] * row[i];
                    for (int j = 0; j < columns; j++) {
                        gram[i][j] += share * row[i] * row[j];
                        reach[i][j] += share * Math.abs((double) row[i] * row[j]);
                    }
                }
            }
            return new Slow(weight, magnitudes, squares, gram, reach);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 7", "3, 1", "3, 50", "4, 331", "64, 64"})
    void sumsAreThoseOfTheDefinitionWhateverThePieces(int every, int piece) {
        int columns = 5;
        var random = new Random(every * 1000L + piece);
        float[] scale = {1, 2, 0.5f, 4, 0.25f};
        float[][] rows = new float[TOKENS][columns];
        for (float[] row : rows) {
            for (int c = 0; c < columns; c++) {
                row[c] = (float) random.nextGaussian() * (1 + c);
            }
        }
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            var running = new RunningStatistics(columns, true);
            running.fade(backend, HALF_LIFE, every);
            int ignored = 11; // in front, seen and not counted
            running.ignore(ignored);
            see(backend, running, Arrays.copyOf(rows, ignored), piece, scale);
            see(backend, running, rows, piece, scale);
            InputStatistics found = running.statistics(backend);
            Slow slow = Slow.of(rows, columns, every);
            assertThat(found.weight()).isCloseTo(slow.weight, within(1e-9 * slow.weight));
            float[] gram = Objects.requireNonNull(found.gram());
            for (int i = 0; i < columns; i++) {
                double mean = slow.magnitudes[i] / slow.weight;
                assertThat((double) found.meanAbs()[i]).isCloseTo(mean, within(1e-6 * mean));
                assertThat(found.squares()[i]).isCloseTo(slow.squares[i], within(1e-9 * slow.squares[i]));
                for (int j = 0; j < columns; j++) {
                    assertThat((double) gram[i * columns + j])
                            .isCloseTo(slow.gram[i][j], within(4 * Math.sqrt(TOKENS) * 0x1p-24 * slow.reach[i][j]));
                }
            }
        }
    }

    /** Shows rows as a model does that divides its channels by the scale, {@code piece} at a time. */
    private static void see(Backend backend, RunningStatistics running, float[][] rows, int piece, float[] scale) {
        int columns = scale.length;
        for (int from = 0; from < rows.length; from += piece) {
            int to = Math.min(rows.length, from + piece);
            float[] values = new float[(to - from) * columns];
            for (int i = 0; i < values.length; i++) {
                values[i] = rows[from + i / columns][i % columns] / scale[i % columns]; // powers of two: exact
            }
            Buffer buffer = backend.allocate(to - from, columns);
            backend.write(values, buffer);
            running.see(backend, buffer, scale);
        }
    }

    @Test
    void whatWasThereWeighsNoMoreThanIfItHadFaded() {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            var running = new RunningStatistics(2, false);
            Buffer ones = backend.allocate(5000, 2);
            backend.write(filled(5000 * 2, 1), ones);
            running.see(backend, ones, null);
            assertThat(running.statistics(backend).weight()).isEqualTo(5000);
            running.fade(backend, 64, 1);
            double most = 1 / (1 - Math.pow(0.5, 1 / 64.0));
            assertThat(running.statistics(backend).weight()).isCloseTo(most, within(1e-9 * most));
            Buffer threes = backend.allocate(64, 2);
            backend.write(filled(64 * 2, 3), threes);
            running.see(backend, threes, null);
            // 64 tokens later: half of the 92.8 that the ones weighed, and 64 of the threes
            double expected = (most / 2 + 3 * 64) / (most / 2 + 64);
            assertThat((double) running.statistics(backend).meanAbs()[0]).isCloseTo(expected, within(1e-6));
        }
    }

    @Test
    void anOverflowIsLeftOut() {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            var running = new RunningStatistics(2, true);
            Buffer rows = backend.allocate(1, 2);
            backend.write(new float[] {1, Float.POSITIVE_INFINITY}, rows);
            running.see(backend, rows, null);
            assertThat(running.statistics(backend).weight()).isZero();
            backend.write(new float[] {1, 2}, rows);
            running.see(backend, rows, null);
            assertThat(running.statistics(backend).meanAbs()).containsExactly(1, 2);
        }
    }

    @Test
    void driftIsTheShareThatMoved() {
        float[] profile = {1, 2, 5};
        assertThat(RunningStatistics.drift(profile, profile.clone())).isZero();
        assertThat(RunningStatistics.drift(profile, new float[] {2, 4, 10})).isCloseTo(0, within(1e-15));
        assertThat(RunningStatistics.drift(new float[] {1, 0}, new float[] {0, 3}))
                .isEqualTo(1);
        // shares 1/8, 2/8, 5/8 against 2/8, 2/8, 4/8
        assertThat(RunningStatistics.drift(profile, new float[] {1, 1, 2})).isCloseTo(0.125, within(1e-15));
    }

    private static float[] filled(int size, float value) {
        float[] values = new float[size];
        Arrays.fill(values, value);
        return values;
    }
}
