package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.quant.QuantScheme.Range;
import awq4j.weight.WeightCodec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Several widths in one block: every matrix reports what it lost, whichever width its scale was found at. */
class MixedBitsTest {
    private static final QuantScheme SCHEME = new QuantScheme(4, 128, false, Range.REFERENCE);
    private static final List<Integer> IN_TURN = List.of(8, 2, 4, 3, 4, 3, 2);

    @Test
    void lossesAreThoseOfTheOutputs() {
        try (var golden = new GoldenModel("llama_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = SalienceTest.capture(golden, runner, spec, weights);
            var bits = new HashMap<String, Integer>();
            for (Linear linear : spec.linears()) {
                bits.put(linear.name(), IN_TURN.get(bits.size()));
            }
            QuantizedBlock block = new MixedBits(
                            new Awq(runner, Awq.Settings.DEFAULT), runner, Widths.mixed(SCHEME, bits))
                    .quantize(spec, weights.copy(), capture, SCHEME);
            Map<String, LinearReport> reports = new HashMap<>();
            block.reports().forEach(report -> reports.put(report.name(), report));
            assertThat(block.recipe().scales()).isNotEmpty();
            for (Linear linear : spec.linears()) {
                float[] values = unscaled(spec, block, linear);
                double loss =
                        SalienceTest.loss(weights.values(linear.name()), values, capture.input(linear.name()), linear);
                assertThat(reports.get(linear.name()).lossAfter())
                        .as(linear.name())
                        .isCloseTo(loss, within(1e-3 * loss));
                assertThat(reports.get(linear.name()).reason()).isEqualTo(bits.get(linear.name()) + " bits");
            }
        }
    }

    /** What a linear became, with the recipe's scales taken out of its columns and rows. */
    private static float[] unscaled(BlockSpec spec, QuantizedBlock block, Linear linear) {
        float[] values = WeightCodec.decode(block.linears().get(linear.name()));
        for (BlockRecipe.GroupScale scale : block.recipe().scales()) {
            ScaleGroup group = FromRecipe.group(spec, scale);
            for (int i = 0; i < values.length; i++) {
                if (group.linears().contains(linear)) {
                    values[i] /= scale.scale()[i % linear.columns()];
                }
            }
            if (group.fold() instanceof Fold.IntoRows into && into.linear().equals(linear)) {
                float[] rows = Folding.ofRows(into, scale.scale());
                for (int i = 0; i < values.length; i++) {
                    values[i] *= rows[i / linear.columns()];
                }
            }
        }
        return values;
    }
}
