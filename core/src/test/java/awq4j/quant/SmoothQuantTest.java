package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.family.Families;
import java.util.HashMap;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against equation 4 of the paper in double precision. */
class SmoothQuantTest {
    private static final QuantScheme ROWS_OF_8_BITS =
            new QuantScheme(8, QuantScheme.WHOLE_ROW, true, QuantScheme.Range.REFERENCE);

    @ParameterizedTest
    @ValueSource(strings = {"llama_gqa", "opt", "qwen2_moe", "gemma"})
    void scalesAreTheEquations(String folder) {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/" + folder));
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            BlockSpec spec = model.blocks().getFirst();
            var random = new Random(7);
            float[] hidden = new float[3 * 8 * model.hidden()];
            for (int i = 0; i < hidden.length; i++) {
                hidden[i] = (float) random.nextGaussian() * (i % 5 == 0 ? 20 : 1);
            }
            BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            BlockCapture capture = new BlockRunner(backend, model)
                    .capture(spec, weights, hidden, 3, 8)
                    .capture();
            BlockRecipe recipe = new SmoothQuant(0.3)
                    .quantize(spec, weights.copy(), capture, ROWS_OF_8_BITS)
                    .recipe();
            long normed = spec.scaleGroups().stream()
                    .filter(group -> group.fold() instanceof Fold.IntoNorm)
                    .count();
            assertThat(recipe.scales()).hasSize((int) normed).isNotEmpty();
            for (BlockRecipe.GroupScale scale : recipe.scales()) {
                assertThat(scale.ratio()).isCloseTo(0.3, within(1e-7));
                for (int c = 0; c < scale.scale().length; c++) {
                    double input = 0;
                    double weight = 0;
                    for (String linear : scale.linears()) {
                        input = Math.max(input, columnMost(capture.input(linear), scale.scale().length, c));
                        weight = Math.max(weight, columnMost(weights.values(linear), scale.scale().length, c));
                    }
                    double expected = Math.pow(input, 0.3) / Math.pow(weight, 0.7);
                    assertThat((double) scale.scale()[c])
                            .as("%s, channel %d", scale.fold(), c)
                            .isCloseTo(expected, within(1e-5 * expected));
                }
            }
        }
    }

    private static double columnMost(float[] values, int columns, int column) {
        double most = 0;
        for (int i = column; i < values.length; i += columns) {
            most = Math.max(most, Math.abs((double) values[i]));
        }
        return most;
    }

    @Test
    void aChannelThatIsNeverUsedIsLeftAlone() {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/llama_gqa"))) {
            BlockSpec spec = Families.spec(checkpoint).blocks().getFirst();
            BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            var inputs = new HashMap<String, float[]>();
            for (Linear linear : spec.linears()) {
                float[] rows = new float[2 * linear.columns()];
                java.util.Arrays.fill(rows, 3);
                rows[1] = 0;
                rows[linear.columns() + 1] = 0;
                inputs.put(linear.name(), rows);
            }
            QuantizedBlock block =
                    new SmoothQuant(1).quantize(spec, weights, new BlockCapture(1, 2, inputs), ROWS_OF_8_BITS);
            for (BlockRecipe.GroupScale scale : block.recipe().scales()) {
                assertThat(List.of(scale.scale()[0], scale.scale()[1])).containsExactly(3f, 1f);
            }
            assertThat(block.linears()).isNotEmpty();
        }
    }

    @Test
    void alphaOutsideOfItsRangeIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SmoothQuant(1.5))
                .withMessage("alpha must be in [0, 1], was 1.5");
        assertThatIllegalArgumentException().isThrownBy(() -> new SmoothQuant(Double.NaN));
    }
}
