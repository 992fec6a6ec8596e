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

    /** q, k, v have 8, 2 and 4 bits, gate and up 4 and 3: v and gate take a narrower one's scale. */
    @Test
    void whatTakesANarrowersScaleIsClippedUnderIt() {
        try (var golden = new GoldenModel("llama_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = SalienceTest.capture(golden, runner, spec, weights);
            var bits = new HashMap<String, Integer>();
            for (Linear linear : spec.linears()) {
                bits.put(linear.name(), IN_TURN.get(bits.size()));
            }
            Widths widths = Widths.mixed(SCHEME, bits);
            var settings = new Awq.Settings(Scaling.DUO, true, 1024);
            for (Objective objective : Objective.values()) {
                QuantizedBlock block = new MixedBits(new Awq(runner, settings.searching(objective)), runner, widths)
                        .quantize(spec, weights.copy(), capture, SCHEME);
                var unclipped = new BlockRecipe(spec.index(), block.recipe().scales(), Map.of());
                QuantizedBlock without = new FromRecipe("awq", any -> unclipped)
                        .quantize(spec, weights.copy(), linear -> Quantizer.forCheckpoints(widths.of(linear)));
                for (int at : new int[] {2, 4}) {
                    Linear linear = spec.linears().get(at);
                    float[] original = weights.values(linear.name());
                    float[] inputs = capture.input(linear.name());
                    double loss = SalienceTest.loss(original, unscaled(spec, block, linear), inputs, linear);
                    double plain = SalienceTest.loss(original, unscaled(spec, without, linear), inputs, linear);
                    assertThat(loss).as("%s, %s", linear.name(), objective).isLessThan(0.97 * plain);
                }
                assertThat(block.recipe().clips().keySet())
                        .containsExactlyInAnyOrderElementsOf(spec.linears().stream()
                                .filter(linear -> ClipSearch.wanted(spec, linear))
                                .map(Linear::name)
                                .toList());
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
