package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.quant.QuantScheme.Range;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * GPTQ against its definition in double: after each column the others move to where the error of the outputs is least,
 * which is found anew from the inverse of what is left of the matrix (Hassibi and Stork's OBS), with no factor and no
 * batches.
 */
class GptqDefinitionTest {
    private static final int ROWS = 12;
    private static final int COLUMNS = 64;

    /** A value half-way between two codes, and all that follow it, may go either way in float32. */
    private static final double EQUAL = 0.99;

    @ParameterizedTest
    @CsvSource({
        "4, 16, false, INCLUDE_ZERO, false, false",
        "3, 64, false, INCLUDE_ZERO, false, false",
        "4, 16, false, INCLUDE_ZERO, false, true",
        "4, 16, false, INCLUDE_ZERO, true, true",
        "4, 16, false, INCLUDE_ZERO, true, false",
        "4, 64, true, INCLUDE_ZERO, false, false",
        "4, 16, true, LEAST_ERROR, true, false",
        "3, 32, false, LEAST_ERROR, false, false",
        "4, 16, false, LEAST_ERROR, true, true",
        "2, -1, false, LEAST_ERROR, false, false"
    })
    void codesAreThoseOfTheDefinition(
            int bits, int groupSize, boolean symmetric, Range range, boolean actOrder, boolean staticGroups) {
        var random = new Random(bits * 31L + groupSize);
        float[] x = new float[3 * COLUMNS * COLUMNS];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian() * (1 + i % COLUMNS % 7) + (i % COLUMNS == 0 ? 0 : 0.6f * x[i - 1]);
        }
        float[] w = new float[ROWS * COLUMNS];
        for (int i = 0; i < w.length; i++) {
            w[i] = (float) random.nextGaussian();
        }
        var scheme = new QuantScheme(bits, groupSize, symmetric, range);
        float[] gram = Gram.of(x, COLUMNS);
        var factor = Objects.requireNonNull(GptqFactor.of(gram, COLUMNS, null, 0.01, actOrder));
        Weight weight;
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            weight = new GptqSolver(backend, Quantizer.asGptq(scheme), factor, staticGroups, false).solve("w", ROWS, w);
        }
        assertThat(weight.inputOrder() != null).isEqualTo(actOrder && !staticGroups);
        float[] ours = WeightCodec.decode(weight);
        double[][] expected = defined(gram, w, scheme, actOrder, staticGroups);
        int equal = 0;
        for (int row = 0; row < ROWS; row++) {
            for (int c = 0; c < COLUMNS; c++) {
                equal += Math.abs(ours[row * COLUMNS + c] - expected[row][c]) < 1e-3 ? 1 : 0;
            }
        }
        assertThat((double) equal / w.length).isGreaterThanOrEqualTo(EQUAL);
    }

    private static double[][] defined(
            float[] gram, float[] w, QuantScheme scheme, boolean actOrder, boolean staticGroups) {
        int[] order = IntStream.range(0, COLUMNS)
                .boxed()
                .sorted(Comparator.comparingDouble(c -> actOrder ? -gram[c * COLUMNS + c] : 0))
                .mapToInt(Integer::intValue)
                .toArray();
        double mean = IntStream.range(0, COLUMNS)
                .mapToDouble(c -> gram[c * COLUMNS + c])
                .average()
                .orElseThrow();
        int size = scheme.groupSizeFor(COLUMNS);
        double[][] rounded = new double[ROWS][COLUMNS];
        double[][] inverses = new double[COLUMNS][];
        for (int i = 0; i < COLUMNS; i++) {
            inverses[i] = firstColumnOfInverse(gram, order, i, 0.01 * mean);
        }
        for (int row = 0; row < ROWS; row++) {
            double[] left = new double[COLUMNS];
            for (int i = 0; i < COLUMNS; i++) {
                left[i] = w[row * COLUMNS + order[i]];
            }
            double[] grid = {};
            for (int i = 0; i < COLUMNS; i++) {
                if (staticGroups) {
                    int from = row * COLUMNS + order[i] / size * size;
                    grid = grid(
                            IntStream.range(from, from + size)
                                    .mapToDouble(c -> w[c])
                                    .toArray(),
                            scheme);
                } else if (i % size == 0) {
                    grid = grid(Arrays.copyOfRange(left, i, i + size), scheme);
                }
                double q = nearest(left[i], grid, scheme);
                double error = (left[i] - q) / inverses[i][0];
                for (int j = i; j < COLUMNS; j++) {
                    left[j] -= error * inverses[i][j - i];
                }
                rounded[row][order[i]] = q;
            }
        }
        return rounded;
    }

    /** Of the inverse of the damped matrix without the first {@code from} columns, by Gauss's elimination. */
    private static double[] firstColumnOfInverse(float[] gram, int[] order, int from, double damping) {
        int n = COLUMNS - from;
        double[][] a = new double[n][n + 1];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                a[i][j] = gram[order[from + i] * COLUMNS + order[from + j]] + (i == j ? damping : 0);
            }
            a[i][n] = i == 0 ? 1 : 0;
        }
        for (int k = 0; k < n; k++) {
            for (int r = 0; r < n; r++) {
                double times = r == k ? 0 : a[r][k] / a[k][k];
                for (int c = k; times != 0 && c <= n; c++) {
                    a[r][c] -= times * a[k][c];
                }
            }
        }
        double[] column = new double[n];
        for (int i = 0; i < n; i++) {
            column[i] = a[i][n] / a[i][i];
        }
        return column;
    }

    /** Scale and zero: spec of the reference's {@code find_params}, in double. */
    static double[] grid(double[] values, QuantScheme scheme) {
        double highest = (1 << scheme.bits()) - 1;
        double min = Math.min(0, Arrays.stream(values).min().orElseThrow());
        double max = Math.max(0, Arrays.stream(values).max().orElseThrow());
        if (scheme.symmetric()) {
            max = Math.max(-min, max);
            min = -max;
        }
        double[] best = {};
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < (scheme.range() == Range.LEAST_ERROR ? 80 : 1); i++) {
            double p = 1 - i / 100.0;
            double scale = (p * max - p * min) / highest;
            double[] grid = {scale, scheme.symmetric() ? (highest + 1) / 2 : Math.rint(-p * min / scale)};
            double error = error(values, grid, scheme);
            if (error < least) {
                least = error;
                best = grid;
            }
        }
        return best;
    }

    private static double error(double[] values, double[] grid, QuantScheme scheme) {
        return Arrays.stream(values)
                .map(value -> Math.pow(Math.abs(nearest(value, grid, scheme) - value), 2.4))
                .sum();
    }

    private static double nearest(double value, double[] grid, QuantScheme scheme) {
        double highest = (1 << scheme.bits()) - 1;
        return (Math.clamp(Math.rint(value / grid[0]) + grid[1], 0, highest) - grid[1]) * grid[0];
    }

    @ParameterizedTest
    @CsvSource({"2, false", "3, true", "4, false", "4, true"})
    void searchedRangeErrsLeast(int bits, boolean symmetric) {
        var random = new Random(bits);
        var scheme = new QuantScheme(bits, 128, symmetric, Range.LEAST_ERROR);
        var quantizer = Quantizer.asGptq(scheme);
        int shrunk = 0;
        for (int i = 0; i < 50; i++) {
            float[] values = new float[128];
            for (int c = 0; c < values.length; c++) {
                values[c] = (float) random.nextGaussian();
            }
            double[] doubles =
                    IntStream.range(0, 128).mapToDouble(c -> values[c]).toArray();
            double[] expected = grid(doubles, scheme);
            Quantizer.Grid found = quantizer.grid(values, 0, 128);
            double least = error(doubles, expected, scheme);
            assertThat(error(doubles, new double[] {found.scale(), found.zero()}, scheme))
                    .isCloseTo(least, within(1e-4 * least));
            var whole = new QuantScheme(bits, 128, symmetric, Range.INCLUDE_ZERO);
            shrunk +=
                    found.scale() < Quantizer.asGptq(whole).grid(values, 0, 128).scale() ? 1 : 0;
        }
        assertThat(shrunk).isGreaterThan(25);
    }

    /** Each linear is what GPTQ makes of inputs that come from the quantized linears of the steps before. */
    @ParameterizedTest
    @CsvSource({"llama_tiny", "opt_tiny"})
    void laterLinearsSeeTheQuantizedOnes(String model) {
        var scheme = new QuantScheme(4, 64, false, Range.INCLUDE_ZERO);
        var settings = Gptq.Settings.DEFAULT.sequential();
        try (var golden = new GoldenModel(model)) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockSpec spec = golden.spec.blocks().getFirst();
            float[] hidden = golden.embedded();
            int sequences = golden.calibration.length;
            BlockWeights weights = golden.weights(spec);
            var captured = runner.capture(spec, weights, hidden, sequences, golden.length());
            QuantizedBlock block = new Gptq(runner, settings).quantize(spec, weights, captured.capture(), scheme);
            var quantizer = Quantizer.forCheckpoints(scheme);
            var steps = new HashSet<Linear>();
            BlockWeights running = golden.weights(spec);
            List<Linear> linears = spec.linears();
            for (Linear linear : linears) {
                Linear source = spec.source(linear);
                if (steps.add(source)) { // the linears before this input are quantized
                    for (Linear done : linears.subList(0, linears.indexOf(source))) {
                        float[] values = WeightCodec.decode(
                                Objects.requireNonNull(block.linears().get(done.name())));
                        System.arraycopy(values, 0, running.values(done.name()), 0, values.length);
                    }
                }
                var saw = runner.capture(spec, running, hidden, sequences, golden.length())
                        .capture();
                float[] gram = Objects.requireNonNull(
                        saw.statistics(golden.backend, linear).gram());
                var factor = Objects.requireNonNull(GptqFactor.of(gram, linear.columns(), null, 0.01, false));
                Weight expected = new GptqSolver(golden.backend, quantizer, factor, false, false)
                        .solve(
                                linear.name(),
                                linear.rows(),
                                golden.weights(spec).values(linear.name()));
                assertThat(WeightCodec.decode(
                                Objects.requireNonNull(block.linears().get(linear.name()))))
                        .as(linear.name())
                        .isEqualTo(WeightCodec.decode(expected));
            }
        }
    }

    @Test
    void sequentialTakesWhatFlowedIn() {
        try (var golden = new GoldenModel("opt_tiny")) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockSpec spec = golden.spec.blocks().getFirst();
            var captured = runner.capture(
                    spec, golden.weights(spec), golden.embedded(), golden.calibration.length, golden.length());
            var without = new BlockCapture(
                    captured.capture().sequences(),
                    captured.capture().length(),
                    captured.capture().inputs());
            org.assertj.core.api.Assertions.assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Gptq(runner, Gptq.Settings.DEFAULT.sequential())
                            .quantize(spec, golden.weights(spec), without, QuantScheme.INT4_G128))
                    .withMessage("block 0: true-sequential takes what flowed into the block, which was not kept");
        }
    }
}
