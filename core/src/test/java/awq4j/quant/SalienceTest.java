package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.quant.QuantScheme.Range;
import awq4j.weight.WeightCodec;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Which channels are chosen, and what is done to them, against their definitions in double. */
class SalienceTest {
    private static final QuantScheme INT3 = new QuantScheme(3, 32, false, Range.REFERENCE);

    @Test
    void sharesAreRoundedUpToWholeChannels() {
        assertThat(Salience.count(0, 128)).isZero();
        assertThat(Salience.count(0.001, 128)).isEqualTo(1);
        assertThat(Salience.count(0.01, 700)).isEqualTo(7); // in double the product is above 7
        assertThat(Salience.count(0.01, 701)).isEqualTo(8);
        assertThat(Salience.count(1, 3)).isEqualTo(3);
    }

    @Test
    void mostSalientChannelsAreFoundByEachMeasure() {
        var linear = new Linear("w", 2, 4, false);
        float[] values = {3, 0, 1, 2, /**/ 0, 0, -3, 2};
        float[] inputs = {1, -5, 0, 2, /**/ 1, 5, 0, -3, /**/ 1, 5, 0, 2};
        assertThat(Salience.ACTIVATION.channels(0.5, linear, values, inputs, 0)).containsExactly(1, 3);
        assertThat(Salience.WEIGHT.channels(0.5, linear, values, inputs, 0)).containsExactly(0, 2);
        assertThat(Salience.WEIGHT.channels(0.25, linear, values, inputs, 0)).containsExactly(2);
        float[] equal = {1, 1, 1, 1, /**/ 1, 1, 1, 1};
        assertThat(Salience.WEIGHT.channels(0.5, linear, equal, inputs, 0)).containsExactly(0, 1);
    }

    @Test
    void drawsDependOnSeedAndNameAlone() {
        var linear = new Linear("w", 1, 200, false);
        float[] none = new float[200];
        int[] drawn = Salience.RANDOM.channels(0.1, linear, none, none, 5);
        assertThat(drawn).hasSize(20).isSorted().doesNotHaveDuplicates();
        assertThat(Salience.RANDOM.channels(0.1, linear, none, none, 5)).isEqualTo(drawn);
        assertThat(Salience.RANDOM.channels(0.1, linear, none, none, 6)).isNotEqualTo(drawn);
        assertThat(Salience.RANDOM.channels(0.1, new Linear("v", 1, 200, false), none, none, 5))
                .isNotEqualTo(drawn);
    }

    @Test
    void sparedChannelsKeepTheirWeightsAndOthersArePlainlyRounded() {
        try (var golden = new GoldenModel("llama_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = capture(golden, runner, spec, weights);
            var settings = new SalientMixing.Settings(0.03, Salience.ACTIVATION, 0);
            QuantizedBlock mixed = new SalientMixing(runner, settings).quantize(spec, weights.copy(), capture, INT3);
            QuantizedBlock plain = new Rtn().quantize(spec, weights.copy(), capture, INT3);
            assertThat(mixed.linears().keySet()).isEqualTo(plain.linears().keySet());
            for (LinearReport report : mixed.reports()) {
                Linear linear = weights.matrices().get(report.name()).linear();
                float[] original = weights.values(report.name());
                float[] found = WeightCodec.decode(mixed.linears().get(report.name()));
                float[] rounded = WeightCodec.decode(plain.linears().get(report.name()));
                var kept = Arrays.stream(
                                Salience.ACTIVATION.channels(0.03, linear, original, capture.input(report.name()), 0))
                        .boxed()
                        .toList();
                for (int i = 0; i < found.length; i++) {
                    assertThat(found[i]).isEqualTo(kept.contains(i % linear.columns()) ? original[i] : rounded[i]);
                }
                double before = loss(original, rounded, capture.input(report.name()), linear);
                double after = loss(original, found, capture.input(report.name()), linear);
                assertThat(report.lossBefore()).isCloseTo(before, within(1e-4 * before));
                assertThat(report.lossAfter()).isCloseTo(after, within(1e-4 * after));
            }
        }
    }

    @Test
    void scaledChannelsAreRoundedAtTheirScale() {
        try (var golden = new GoldenModel("opt_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = capture(golden, runner, spec, weights);
            QuantizedBlock one = new SalientScaling(runner, new SalientScaling.Settings(0.01, 1))
                    .quantize(spec, weights.copy(), capture, INT3);
            QuantizedBlock plain = new Rtn().quantize(spec, weights.copy(), capture, INT3);
            var scaling = new SalientScaling(runner, new SalientScaling.Settings(0.01, 2));
            QuantizedBlock two = scaling.quantize(spec, weights.copy(), capture, INT3);
            var quantizer = Quantizer.forCheckpoints(INT3);
            double groups = 0;
            double changed = 0;
            double steps = 0;
            for (Linear linear : spec.linears()) {
                assertThat(WeightCodec.decode(one.linears().get(linear.name())))
                        .isEqualTo(WeightCodec.decode(plain.linears().get(linear.name())));
                float[] original = weights.values(linear.name());
                float[] found = WeightCodec.decode(two.linears().get(linear.name()));
                List<Integer> scaled = Arrays.stream(
                                Salience.ACTIVATION.channels(0.01, linear, original, capture.input(linear.name()), 0))
                        .boxed()
                        .toList();
                for (int start = 0; start < original.length; start += 32) {
                    float[] group = new float[32];
                    boolean holds = false;
                    for (int i = 0; i < 32; i++) {
                        boolean salient = scaled.contains((start + i) % linear.columns());
                        group[i] = original[start + i] * (salient ? 2 : 1);
                        holds |= salient;
                    }
                    var grid = quantizer.grid(group, 0, 32);
                    for (int i = 0; i < 32; i++) {
                        float value = (quantizer.code(group[i], grid) - grid.zero()) * grid.scale();
                        boolean salient = scaled.contains((start + i) % linear.columns());
                        assertThat(found[start + i]).isEqualTo(salient ? value / 2 : value);
                    }
                    if (holds) {
                        double before = step(original, start);
                        double after = step(group, 0);
                        groups++;
                        changed += Math.abs(after / before - 1) > 1e-6 ? 1 : 0;
                        steps += after / before;
                    }
                }
            }
            SalientScaling.Steps measured = scaling.steps(spec, weights, capture, INT3);
            assertThat(measured.groups()).isEqualTo((long) groups);
            assertThat(measured.changedShare()).isEqualTo(changed / groups).isBetween(0.01, 0.99);
            assertThat(measured.meanStep())
                    .isCloseTo(steps / groups, within(1e-6))
                    .isGreaterThan(1);
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SalientMixing.Settings(1.5, Salience.WEIGHT, 0))
                .withMessage("share of channels must be in [0, 1], was 1.5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SalientScaling.Settings(0.01, 0))
                .withMessage("factor must be positive, was 0.0");
    }

    private static double step(float[] values, int from) {
        double min = Double.POSITIVE_INFINITY;
        double max = Double.NEGATIVE_INFINITY;
        for (int i = from; i < from + 32; i++) {
            min = Math.min(min, values[i]);
            max = Math.max(max, values[i]);
        }
        return (max - min) / 7;
    }

    /** Inputs of a block, from random hidden states in 2 sequences of 64 tokens. */
    static BlockCapture capture(GoldenModel golden, BlockRunner runner, BlockSpec spec, BlockWeights weights) {
        var random = new Random(11);
        float[] hidden = new float[128 * golden.spec.hidden()];
        for (int i = 0; i < hidden.length; i++) {
            hidden[i] = (float) random.nextGaussian();
        }
        return runner.capture(spec, weights, hidden, 2, 64).capture();
    }

    /** The mean squared error of the outputs, by its definition. */
    static double loss(float[] original, float[] found, float[] inputs, Linear linear) {
        int columns = linear.columns();
        int tokens = inputs.length / columns;
        double sum = 0;
        for (int row = 0; row < linear.rows(); row++) {
            for (int t = 0; t < tokens; t++) {
                double error = 0;
                for (int c = 0; c < columns; c++) {
                    error +=
                            ((double) found[row * columns + c] - original[row * columns + c]) * inputs[t * columns + c];
                }
                sum += error * error;
            }
        }
        return sum / ((double) linear.rows() * tokens);
    }
}
