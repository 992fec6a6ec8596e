package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.quant.QuantScheme.Range;
import awq4j.weight.WeightCodec;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pruning, against the reference's masks (golden/quantization/README.md) and what it promises. */
class PruningTest {
    private static final QuantScheme INT4 = new QuantScheme(4, 128, false, Range.INCLUDE_ZERO);
    private static final Sparsity HALF = new Sparsity.Share(0.5);

    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void wandaMasksAreTheReferences(String model) {
        try (var golden = new GoldenModel(model);
                var file = SafetensorsFile.open(
                        Golden.path("quantization/" + model + "/wanda_layer0_k_proj.safetensors"))) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = runner.capture(
                            spec, weights, golden.embedded(), golden.calibration.length, golden.length())
                    .capture();
            Linear linear = spec.attention().key();
            double[] squares = Wanda.squares(capture.input(linear.name()), linear.columns());
            float[] expected = file.tensor("wanda.scaler_row").data().toArray(ValueLayout.JAVA_FLOAT);
            for (int c = 0; c < squares.length; c++) {
                assertThat(squares[c] / golden.calibration.length)
                        .as("channel %d", c)
                        .isCloseTo(expected[c], within(1e-5 * expected[c]));
            }
            float[] values = weights.values(linear.name());
            requireMask(file, "wanda.mask50_pruned", new Wanda(runner, HALF), linear, values.clone(), squares);
            var pattern = new Wanda(runner, Sparsity.Pattern.TWO_OF_FOUR);
            requireMask(file, "wanda.mask24_pruned", pattern, linear, values.clone(), squares);
        }
    }

    private static void requireMask(
            SafetensorsFile file, String name, Wanda wanda, Linear linear, float[] values, double[] squares) {
        byte[] expected = file.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
        float[] original = values.clone();
        wanda.prune(linear, values, squares);
        int ties = 0;
        for (int i = 0; i < values.length; i++) {
            boolean gone = values[i] == 0;
            if (gone != (expected[i] != 0)) {
                // the other side of a tie is a weight of the same row and of the same score
                float score = score(original, i, linear.columns(), squares);
                int row = i / linear.columns() * linear.columns();
                boolean tie = false;
                for (int j = row; j < row + linear.columns(); j++) {
                    tie |= j != i && Math.abs(score(original, j, linear.columns(), squares) - score) <= 1e-6f * score;
                }
                assertThat(tie).as("%s at %d", name, i).isTrue();
                ties++;
            }
        }
        assertThat(ties).as(name).isLessThan(values.length / 500);
    }

    private static float score(float[] values, int at, int columns, double[] squares) {
        return Math.abs(values[at]) * (float) Math.sqrt(squares[at % columns]);
    }

    @Test
    void leastAreMarkedAndOfEqualOnesTheFirst() {
        float[] scores = {9, 2, 1, 2, 0, 2, 5};
        boolean[] marked = new boolean[6];
        Sparsity.markLeast(scores, 1, 6, 3, marked, 0);
        assertThat(marked).containsExactly(true, true, false, true, false, false);
        Sparsity.markLeast(scores, 0, 7, 0, marked, 0);
        assertThat(marked).containsExactly(true, true, false, true, false, false);
        boolean[] all = new boolean[7];
        Sparsity.markLeast(scores, 0, 7, 7, all, 0);
        assertThat(all).containsOnly(true);
    }

    @Test
    void sharesAreRoundedDown() {
        assertThat(new Sparsity.Share(0.29).of(100)).isEqualTo(29); // in double the product is below 29
        assertThat(new Sparsity.Share(0.5).of(7)).isEqualTo(3);
        assertThat(Sparsity.Pattern.TWO_OF_FOUR.of(3)).isEqualTo(1);
        assertThat(new Sparsity.Share(0.5).label()).isEqualTo("50.0 %");
        assertThat(Sparsity.Pattern.TWO_OF_FOUR.label()).isEqualTo("2:4");
    }

    @Test
    void sparsityOutOfRangeIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Sparsity.Share(-0.1))
                .withMessage("share of weights must be in [0, 1], was -0.1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Sparsity.Pattern(5, 4))
                .withMessage("a pattern has 0 to RUN zeros in each RUN columns, was 5:4");
    }

    /** Every matrix has as many zeros as were asked for, in what is quantized, too; and losses are those of the outputs. */
    @ParameterizedTest
    @CsvSource({"false, none", "true, none", "false, rtn", "true, rtn", "false, awq", "true, awq"})
    void wandaLeavesZerosWhateverFollows(boolean pattern, String then) {
        try (var golden = new GoldenModel("llama_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            var runner = new BlockRunner(golden.backend, golden.spec);
            Sparsity sparsity = pattern ? Sparsity.Pattern.TWO_OF_FOUR : HALF;
            Wanda wanda = switch (then) {
                case "rtn" -> Wanda.before(new Rtn(), runner, sparsity);
                case "awq" -> Wanda.before(new Awq(runner, Awq.Settings.DEFAULT), runner, sparsity);
                default -> new Wanda(runner, sparsity);
            };
            assertThat(wanda.name()).isEqualTo(then.equals("none") ? "wanda" : "wanda+" + then);
            requireZeros(golden, spec, wanda, sparsity, !then.equals("none"));
        }
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void sparseGptLeavesZerosAndHurtsLess(boolean pattern, boolean quantized) {
        try (var golden = new GoldenModel("llama_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            var runner = new BlockRunner(golden.backend, golden.spec);
            Sparsity sparsity = pattern ? Sparsity.Pattern.TWO_OF_FOUR : HALF;
            var method = new SparseGpt(runner, new SparseGpt.Settings(sparsity, quantized));
            double loss = requireZeros(golden, spec, method, sparsity, quantized);
            Wanda wanda = quantized ? Wanda.before(new Rtn(), runner, sparsity) : new Wanda(runner, sparsity);
            assertThat(loss).isLessThan(0.9 * requireZeros(golden, spec, wanda, sparsity, quantized));
        }
    }

    /** @return the mean over the linears of their squared output errors, by definition, against the original weights */
    private static double requireZeros(
            GoldenModel golden, BlockSpec spec, QuantMethod method, Sparsity sparsity, boolean quantized) {
        BlockWeights weights = golden.weights(spec);
        BlockWeights original = weights.copy();
        var runner = new BlockRunner(golden.backend, golden.spec);
        BlockCapture capture = SalienceTest.capture(golden, runner, spec, weights);
        QuantizedBlock block = method.quantize(spec, weights, capture, INT4);
        assertThat(block.linears()).hasSize(quantized ? spec.linears().size() : 0);
        double sum = 0;
        for (LinearReport report : block.reports()) {
            Linear linear = original.matrices().get(report.name()).linear();
            assertThat(report.quantized()).isEqualTo(quantized);
            float[] found = quantized
                    ? WeightCodec.decode(block.linears().get(report.name()))
                    : block.changed().get(report.name() + ".weight");
            int zeros = 0;
            for (int from = 0; from < found.length; from += 4) {
                int here = 0;
                for (int i = from; i < from + 4; i++) {
                    here += found[i] == 0 ? 1 : 0;
                }
                assertThat(sparsity instanceof Sparsity.Share || here >= 2).isTrue();
                zeros += here;
            }
            assertThat((double) zeros / found.length).isBetween(0.5, quantized ? 0.7 : 0.501);
            boolean scaled = !block.recipe().scales().isEmpty();
            float[] before = original.values(report.name());
            double loss = scaled ? 0 : SalienceTest.loss(before, found, capture.input(report.name()), linear);
            if (!quantized || method instanceof SparseGpt) {
                assertThat(report.lossAfter()).isCloseTo(loss, within(1e-3 * loss));
            }
            sum += loss;
        }
        return sum;
    }
}
