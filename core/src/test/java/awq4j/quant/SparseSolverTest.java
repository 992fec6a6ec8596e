package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.quant.QuantScheme.Range;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * SparseGPT against its definition in double: at each column the inverse of what is left of the damped Gram matrix, by
 * elimination, says what a weight costs and what its error asks of the columns behind it. No factor, no batched updates.
 */
class SparseSolverTest {
    private static final int ROWS = 19;
    private static final int COLUMNS = 150;
    private static final int BATCH = 128;
    private static final double DAMPING = 0.01;

    @ParameterizedTest
    @CsvSource({
        "0.5, 0, 0",
        "0.3, 0, 0",
        "0.5, 4, 0",
        "0.25, 8, 0",
        "0.5, 0, 32",
        "0.5, 4, 32",
        "0.5, 4, -1",
        "0.6, 0, 64"
    })
    void followsTheDefinition(double share, int run, int groupSize) {
        Sparsity sparsity = run == 0 ? new Sparsity.Share(share) : new Sparsity.Pattern((int) (share * run), run);
        var quantizer = groupSize == 0
                ? null
                : Quantizer.forCheckpoints(new QuantScheme(4, groupSize, false, Range.INCLUDE_ZERO));
        var random = new Random(17);
        float[] gram = gram(random);
        float[] w = gaussians(random, ROWS * COLUMNS);
        var factor = Objects.requireNonNull(GptqFactor.of(gram, COLUMNS, null, DAMPING, false));
        float[] ours = w.clone();
        Weight codes = new SparseSolver(factor, sparsity, quantizer).solve("w", ROWS, ours);
        double[] expected = slow(w, gram, sparsity, quantizer);
        for (int i = 0; i < ours.length; i++) {
            assertThat(ours[i] == 0 || quantizer != null)
                    .as("zero at row %d, column %d", i / COLUMNS, i % COLUMNS)
                    .isEqualTo(expected[i] == 0 || quantizer != null);
            assertThat((double) ours[i])
                    .as("row %d, column %d", i / COLUMNS, i % COLUMNS)
                    .isCloseTo(expected[i], within(1e-4 * (1 + Math.abs(expected[i]))));
        }
        if (quantizer != null) {
            assertThat(WeightCodec.decode(Objects.requireNonNull(codes))).isEqualTo(ours);
        }
    }

    /** With a diagonal Gram matrix nothing can be made up for: what stays is as it was. */
    @Test
    void independentInputsLeaveNothingToCorrect() {
        float[] gram = new float[COLUMNS * COLUMNS];
        for (int c = 0; c < COLUMNS; c++) {
            gram[c * COLUMNS + c] = c + 1;
        }
        float[] w = gaussians(new Random(4), ROWS * COLUMNS);
        float[] ours = w.clone();
        var factor = Objects.requireNonNull(GptqFactor.of(gram, COLUMNS, null, DAMPING, false));
        new SparseSolver(factor, new Sparsity.Share(0.5), null).solve("w", ROWS, ours);
        int zeros = 0;
        for (int i = 0; i < w.length; i++) {
            assertThat(ours[i] == 0 || ours[i] == w[i]).isTrue();
            zeros += ours[i] == 0 ? 1 : 0;
        }
        assertThat(zeros).isEqualTo(ROWS * BATCH / 2 + ROWS * (COLUMNS - BATCH) / 2);
    }

    private static double[] slow(float[] values, float[] gram, Sparsity sparsity, @Nullable Quantizer quantizer) {
        double[][] h = damped(gram);
        double[][] inverseRow = new double[COLUMNS][]; // first row of the inverse of what is left from column i on
        for (int i = 0; i < COLUMNS; i++) {
            inverseRow[i] = firstRowOfInverse(h, i);
        }
        double[] w = new double[values.length];
        for (int i = 0; i < w.length; i++) {
            w[i] = values[i];
        }
        boolean[] gone = new boolean[w.length];
        var grids = new Quantizer.Grid[ROWS];
        int size = quantizer == null ? 1 : quantizer.scheme().groupSizeFor(COLUMNS);
        for (int i = 0; i < COLUMNS; i++) {
            int column = i;
            if (sparsity instanceof Sparsity.Share share && i % BATCH == 0) {
                int end = Math.min(COLUMNS, i + BATCH);
                int[] candidates = IntStream.range(0, w.length)
                        .filter(at -> at % COLUMNS >= column && at % COLUMNS < end)
                        .toArray();
                mark(candidates, (int) (share.share() * candidates.length), w, inverseRow, gone);
            }
            for (int row = 0; row < ROWS; row++) {
                int at = row * COLUMNS;
                if (sparsity instanceof Sparsity.Pattern pattern && i % pattern.run() == 0) {
                    int end = Math.min(COLUMNS, i + pattern.run());
                    int[] run = IntStream.range(at + i, at + end).toArray();
                    mark(run, run.length * pattern.zeros() / pattern.run(), w, inverseRow, gone);
                }
                double kept = gone[at + i] ? 0 : w[at + i];
                if (quantizer != null) {
                    if (i % size == 0) {
                        float[] group = new float[Math.min(size, COLUMNS - i)];
                        for (int c = 0; c < group.length; c++) {
                            group[c] = (float) w[at + i + c];
                        }
                        grids[row] = quantizer.grid(group, 0, group.length);
                    }
                    kept = ((double) quantizer.code((float) kept, grids[row]) - grids[row].zero()) * grids[row].scale();
                }
                double error = (w[at + i] - kept) / inverseRow[i][0];
                for (int c = i; c < COLUMNS; c++) {
                    w[at + c] -= error * inverseRow[i][c - i];
                }
                w[at + i] = kept;
            }
        }
        return w;
    }

    private static void mark(int[] candidates, int count, double[] w, double[][] inverseRow, boolean[] gone) {
        Arrays.stream(candidates)
                .boxed()
                .sorted(Comparator.comparingDouble(at -> w[at] * w[at] / inverseRow[at % COLUMNS][0]))
                .limit(count)
                .forEach(at -> gone[at] = true);
    }

    private static double[][] damped(float[] gram) {
        double[][] h = new double[COLUMNS][COLUMNS];
        double mean = 0;
        for (int c = 0; c < COLUMNS; c++) {
            mean += gram[c * COLUMNS + c] / (double) COLUMNS;
        }
        for (int i = 0; i < COLUMNS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                h[i][j] = gram[i * COLUMNS + j] + (i == j ? DAMPING * mean : 0);
            }
        }
        return h;
    }

    /** Solves H x = e by Gaussian elimination with pivots, H being the rows and columns from {@code from} on. */
    private static double[] firstRowOfInverse(double[][] h, int from) {
        int n = COLUMNS - from;
        double[][] a = new double[n][];
        double[] x = new double[n];
        x[0] = 1;
        for (int i = 0; i < n; i++) {
            a[i] = Arrays.copyOfRange(h[from + i], from, COLUMNS);
        }
        for (int k = 0; k < n; k++) {
            int pivot = k;
            for (int i = k + 1; i < n; i++) {
                pivot = Math.abs(a[i][k]) > Math.abs(a[pivot][k]) ? i : pivot;
            }
            double[] row = a[k];
            a[k] = a[pivot];
            a[pivot] = row;
            double value = x[k];
            x[k] = x[pivot];
            x[pivot] = value;
            for (int i = k + 1; i < n; i++) {
                double ratio = a[i][k] / a[k][k];
                for (int j = k; j < n; j++) {
                    a[i][j] -= ratio * a[k][j];
                }
                x[i] -= ratio * x[k];
            }
        }
        for (int k = n - 1; k >= 0; k--) {
            for (int j = k + 1; j < n; j++) {
                x[k] -= a[k][j] * x[j];
            }
            x[k] /= a[k][k];
        }
        return x;
    }

    /** Of inputs of which neighbours agree. */
    private static float[] gram(Random random) {
        int tokens = 500;
        float[] x = gaussians(random, tokens * COLUMNS);
        for (int t = 0; t < tokens; t++) {
            for (int c = 1; c < COLUMNS; c++) {
                x[t * COLUMNS + c] += 0.7f * x[t * COLUMNS + c - 1];
            }
        }
        return Gram.of(x, COLUMNS);
    }

    private static float[] gaussians(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
