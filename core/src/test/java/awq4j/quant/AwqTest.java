package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.awq.AwqPacking;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme.Range;
import awq4j.weight.Weight;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AwqTest {
    private static final int SEQUENCES = 4;
    private static final int LENGTH = 24;
    private static final QuantScheme INT4_G32 = new QuantScheme(4, 32, false, Range.REFERENCE);
    private static final Awq.Settings PLAIN = new Awq.Settings(Scaling.PLAIN, true, 4096);

    private final Backend backend = CpuBackend.open(CpuOptions.DEFAULT);

    @AfterEach
    void close() {
        backend.close();
    }

    /** A block of a golden model, with captured inputs. */
    private final class Case implements AutoCloseable {
        final Checkpoint checkpoint;
        final BlockRunner runner;
        final BlockSpec spec;
        final BlockCapture capture;

        Case(String folder) {
            checkpoint = Checkpoints.open(Golden.path("models/" + folder));
            ModelSpec model = Families.spec(checkpoint);
            runner = new BlockRunner(backend, model);
            spec = model.blocks().get(1);
            var random = new Random(5);
            float[] hidden = new float[SEQUENCES * LENGTH * model.hidden()];
            for (int i = 0; i < hidden.length; i++) {
                // a few channels are ten times larger, as in real models
                hidden[i] = (float) random.nextGaussian() * (i % model.hidden() % 20 == 3 ? 10 : 1);
            }
            capture = runner.capture(spec, weights(), hidden, SEQUENCES, LENGTH).capture();
        }

        BlockWeights weights() {
            return BlockWeights.load(spec, Parameters.of(checkpoint));
        }

        QuantizedBlock quantize(Awq.Settings settings, QuantScheme scheme) {
            return new Awq(runner, settings).quantize(spec, weights(), capture, scheme);
        }

        String name(String linear) {
            return "model.layers.1." + linear;
        }

        @Override
        public void close() {
            checkpoint.close();
        }
    }

    private static LinearReport report(QuantizedBlock block, String name) {
        return block.reports().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(Scaling.class)
    void searchLowersTheLossOfEveryLinear(Scaling scaling) {
        try (var block = new Case("llama_mha")) {
            var result = block.quantize(
                    new Awq.Settings(scaling, true, 4096), new QuantScheme(3, 32, false, Range.REFERENCE));
            assertThat(result.reports()).hasSize(7).allMatch(LinearReport::quantized);
            double before = result.reports().stream()
                    .mapToDouble(LinearReport::lossBefore)
                    .sum();
            double after = result.reports().stream()
                    .mapToDouble(LinearReport::lossAfter)
                    .sum();
            assertThat(after).isPositive().isLessThan(0.9 * before);
            assertThat(result.recipe().scales()).hasSize(4);
            assertThat(result.recipe().clips()).hasSize(5);
        }
    }

    @Test
    void lossesOfPlainRoundingAreThoseOfRtn() {
        try (var block = new Case("llama_mha")) {
            BlockWeights weights = block.weights();
            var rtn = new Rtn().quantize(block.spec, block.weights(), BlockCapture.NONE, INT4_G32);
            var awq = block.quantize(PLAIN, INT4_G32);
            for (var linear : block.spec.linears()) {
                Weight weight = java.util.Objects.requireNonNull(rtn.linears().get(linear.name()));
                float[] decoded = awq4j.weight.WeightCodec.decode(weight);
                float[] values = weights.values(linear.name());
                float[] inputs = block.capture.input(linear.name());
                double sum = 0;
                for (int t = 0; t < block.capture.tokens(); t++) {
                    for (int row = 0; row < linear.rows(); row++) {
                        double difference = 0;
                        for (int c = 0; c < linear.columns(); c++) {
                            int at = row * linear.columns() + c;
                            difference += (double) inputs[t * linear.columns() + c] * (decoded[at] - values[at]);
                        }
                        sum += difference * difference;
                    }
                }
                double expected = sum / ((double) block.capture.tokens() * linear.rows());
                assertThat(report(awq, linear.name()).lossBefore())
                        .as(linear.name())
                        .isCloseTo(expected, org.assertj.core.api.Assertions.withinPercentage(0.01));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Scaling.class)
    void recipeGivesTheSameBits(Scaling scaling) {
        for (String folder : List.of("llama_mha", "opt")) {
            try (var block = new Case(folder)) {
                var searched = block.quantize(new Awq.Settings(scaling, true, 50), INT4_G32);
                var repeated = new FromRecipe("awq", spec -> searched.recipe())
                        .quantize(block.spec, block.weights(), BlockCapture.NONE, INT4_G32);
                assertSame(repeated, searched);
            }
        }
    }

    @Test
    void withoutScalesOnlyClipsAreFound() {
        try (var block = new Case("llama_gqa")) {
            QuantizedBlock whole = block.quantize(PLAIN, INT4_G32);
            QuantizedBlock half = Awq.withoutScales(block.runner, PLAIN)
                    .quantize(block.spec, block.weights(), block.capture, INT4_G32);
            assertThat(whole.recipe().scales()).isNotEmpty();
            assertThat(half.recipe().scales()).isEmpty();
            assertThat(half.recipe().clips().keySet())
                    .isEqualTo(whole.recipe().clips().keySet())
                    .isNotEmpty();
            assertThat(half.changed()).isEmpty();
        }
    }

    @Test
    void theLeastOfAllLossesIsAtTheRatioThatWins() {
        try (var block = new Case("llama_gqa")) {
            BlockWeights weights = block.weights();
            var losses = new Awq(block.runner, PLAIN).losses(block.spec, weights, block.capture, INT4_G32);
            QuantizedBlock quantized = block.quantize(PLAIN, INT4_G32);
            assertThat(losses).hasSameSizeAs(quantized.recipe().scales());
            for (int i = 0; i < losses.size(); i++) {
                Awq.GroupLosses group = losses.get(i);
                BlockRecipe.GroupScale won = quantized.recipe().scales().get(i);
                int least = 0;
                for (int r = 0; r < group.losses().length; r++) {
                    least = group.losses()[r] < group.losses()[least] ? r : least;
                }
                assertThat(group.linears()).isEqualTo(won.linears());
                assertThat(group.ratio(least)).as(group.fold()).isEqualTo(won.ratio());
                assertThat(group.losses()).hasSize(20);
            }
            block.spec
                    .linears()
                    .forEach(linear -> assertThat(weights.values(linear.name()))
                            .isEqualTo(block.weights().values(linear.name())));
        }
    }

    @Test
    void threadsDoNotChangeABit() {
        try (var block = new Case("llama_gqa");
                Backend one = CpuBackend.open(new CpuOptions(CpuOptions.Arithmetic.AUTO, 1));
                Backend three = CpuBackend.open(new CpuOptions(CpuOptions.Arithmetic.AUTO, 3))) {
            ModelSpec model = Families.spec(block.checkpoint);
            var settings = new Awq.Settings(Scaling.DUO, true, 4096);
            var alone = new Awq(new BlockRunner(one, model), settings)
                    .quantize(block.spec, block.weights(), block.capture, INT4_G32);
            var together = new Awq(new BlockRunner(three, model), settings)
                    .quantize(block.spec, block.weights(), block.capture, INT4_G32);
            assertSame(together, alone);
            assertThat(together.reports()).isEqualTo(alone.reports());
        }
    }

    private static void assertSame(QuantizedBlock found, QuantizedBlock expected) {
        assertThat(found.linears().keySet())
                .containsExactlyElementsOf(expected.linears().keySet());
        expected.linears().forEach((name, weight) -> {
            Weight other = java.util.Objects.requireNonNull(found.linears().get(name));
            assertEqual(other, weight);
        });
        assertThat(found.changed().keySet())
                .containsExactlyElementsOf(expected.changed().keySet());
        expected.changed()
                .forEach((name, values) ->
                        assertThat(found.changed().get(name)).as(name).isEqualTo(values));
    }

    private static void assertEqual(Weight found, Weight expected) {
        assertThat(found.values().toArray(ValueLayout.JAVA_BYTE))
                .as(expected.name())
                .isEqualTo(expected.values().toArray(ValueLayout.JAVA_BYTE));
        assertThat(QuantizerTest.scales(found)).as(expected.name()).isEqualTo(QuantizerTest.scales(expected));
        assertThat(QuantizerTest.zeros(found)).as(expected.name()).isEqualTo(QuantizerTest.zeros(expected));
    }

    @Test
    void packedLinearsComeBackTheSame() {
        for (int bits : new int[] {2, 3, 4, 5, 8}) {
            try (var block = new Case("opt")) {
                var result = block.quantize(PLAIN, new QuantScheme(bits, 32, false, Range.REFERENCE));
                assertThat(result.linears()).hasSize(6);
                result.linears().values().forEach(weight -> {
                    var packed = AwqPacking.pack(weight);
                    assertEqual(AwqPacking.unpack(weight.name(), Version.forBits(bits), bits, 32, packed), weight);
                });
            }
        }
    }

    @Test
    void linearThatFitsNoPackingStaysAndTheOthersAreScaled() {
        try (var block = new Case("llama_tied_bias")) { // o_proj has 96 columns
            var result = block.quantize(PLAIN, new QuantScheme(4, 64, false, Range.REFERENCE));
            String output = block.name("self_attn.o_proj");
            assertThat(result.linears()).hasSize(6).doesNotContainKey(output);
            assertThat(report(result, output))
                    .isEqualTo(new LinearReport(
                            output,
                            false,
                            "stays unquantized: 64 x 96 does not fit packing gemm with groups of 64",
                            0,
                            0,
                            SEQUENCES * LENGTH));
            assertThat(result.changed()).doesNotContainKey(output + ".weight");
        }
    }

    /** Only down fits; up takes the inverse of its scale and is therefore rewritten, though not quantized. */
    @Test
    void unquantizedNeighbourTakesTheInverse() {
        try (var block = new Case("llama_mha")) {
            var result = block.quantize(PLAIN, QuantScheme.INT4_G128);
            assertThat(result.linears()).containsOnlyKeys(block.name("mlp.down_proj"));
            assertThat(result.changed()).containsOnlyKeys(block.name("mlp.up_proj.weight"));
            float[] scale = result.recipe().scales().getFirst().scale();
            float[] up = block.weights().values(block.name("mlp.up_proj"));
            for (int i = 0; i < up.length; i++) {
                up[i] /= scale[i / 64];
            }
            assertThat(result.changed().get(block.name("mlp.up_proj.weight"))).isEqualTo(up);
        }
    }

    @Test
    void groupWithoutFiniteLossIsLeftUnscaled() {
        try (var block = new Case("llama_mha")) {
            BlockWeights weights = block.weights();
            float[] up = weights.values(block.name("mlp.up_proj"));
            for (int i = 0; i < up.length; i++) {
                up[i] *= 1e37f;
            }
            var result = new Awq(block.runner, PLAIN).quantize(block.spec, weights, block.capture, INT4_G32);
            assertThat(report(result, block.name("mlp.gate_proj")).reason())
                    .isEqualTo("not scaled: no scale gave a finite loss");
            assertThat(report(result, block.name("mlp.up_proj")))
                    .isEqualTo(new LinearReport(
                            block.name("mlp.up_proj"),
                            false,
                            "stays unquantized: the range of a group is beyond float16 scales",
                            0,
                            0,
                            SEQUENCES * LENGTH));
            assertThat(report(result, block.name("mlp.gate_proj")).quantized()).isTrue();
        }
    }

    @Test
    void zerosAreHarmless() {
        try (var block = new Case("llama_mha")) {
            BlockWeights weights = block.weights();
            Arrays.fill(weights.values(block.name("self_attn.v_proj")), 0);
            Arrays.fill(weights.values(block.name("mlp.up_proj")), 0, 640, 0f);
            Map<String, float[]> inputs = new java.util.HashMap<>(block.capture.inputs());
            inputs.put(block.name("self_attn.o_proj"), new float[SEQUENCES * LENGTH * 64]);
            var silent = new BlockCapture(SEQUENCES, LENGTH, inputs);
            var result = new Awq(block.runner, PLAIN).quantize(block.spec, weights, silent, INT4_G32);
            assertThat(result.linears()).hasSize(7);
            assertThat(result.reports())
                    .allMatch(each -> Double.isFinite(each.lossBefore()) && Double.isFinite(each.lossAfter()));
            assertThat(awq4j.weight.WeightCodec.decode(
                            java.util.Objects.requireNonNull(result.linears().get(block.name("self_attn.v_proj")))))
                    .containsOnly(0f);
        }
    }

    @Test
    void weightThatIsNotFiniteIsNamed() {
        try (var block = new Case("llama_mha")) {
            BlockWeights weights = block.weights();
            weights.values(block.name("mlp.up_proj"))[5 * 64 + 7] = Float.NaN;
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () -> new Awq(block.runner, PLAIN).quantize(block.spec, weights, block.capture, INT4_G32))
                    .withMessage(
                            "model.layers.1.mlp.up_proj.weight: expected finite numbers, found NaN at row 5, column 7");
            BlockWeights others = block.weights();
            others.vectors().get(block.name("input_layernorm.weight"))[3] = Float.NEGATIVE_INFINITY;
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Rtn().quantize(block.spec, others, BlockCapture.NONE, INT4_G32))
                    .withMessage(
                            "model.layers.1.input_layernorm.weight: expected finite numbers, found -Infinity at 3");
        }
    }

    @Test
    void inputThatWasNotCapturedIsNamed() {
        try (var block = new Case("llama_mha")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Awq(block.runner, PLAIN)
                            .quantize(block.spec, block.weights(), BlockCapture.NONE, INT4_G32))
                    .withMessage("calibration saw no input of model.layers.1.self_attn.q_proj");
        }
    }

    @Test
    void recipeOfAnotherModelIsRefused() {
        try (var block = new Case("llama_mha")) {
            var names = List.of(block.name("mlp.down_proj"));
            assertRefused(
                    block,
                    new BlockRecipe.GroupScale(block.name("mlp.gate_proj"), names, 0.5, new float[128]),
                    "recipe of block 1 scales [model.layers.1.mlp.down_proj] by model.layers.1.mlp.gate_proj;"
                            + " this model has no such group");
            assertRefused(
                    block,
                    new BlockRecipe.GroupScale(block.name("mlp.up_proj"), names, 0.5, new float[5]),
                    "recipe of block 1: model.layers.1.mlp.up_proj has 128 channels, its scale 5");
            assertRefused(
                    block,
                    new BlockRecipe.GroupScale(block.name("mlp.up_proj"), names, 0.5, new float[128]),
                    "recipe of block 1: model.layers.1.mlp.up_proj has a scale of 0.0, expected positive numbers");
            var clips = new BlockRecipe(1, List.of(), Map.of("lm_head", new float[3]));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new FromRecipe("awq", spec -> clips)
                            .quantize(block.spec, block.weights(), BlockCapture.NONE, INT4_G32))
                    .withMessage("block has no linear lm_head");
        }
    }

    private static void assertRefused(Case block, BlockRecipe.GroupScale scale, String message) {
        var recipe = new BlockRecipe(1, List.of(scale), Map.of());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FromRecipe("awq", spec -> recipe)
                        .quantize(block.spec, block.weights(), BlockCapture.NONE, INT4_G32))
                .withMessage(message);
    }

    @Test
    void subsetIsSpreadOverTheSequences() {
        var capture = new BlockCapture(10, 8, Map.of());
        assertThat(TokenSubset.of(capture, 1).chosen()).containsExactly(0);
        assertThat(TokenSubset.of(capture, 31).chosen()).containsExactly(0, 3, 6);
        assertThat(TokenSubset.of(capture, 1000).chosen()).hasSize(10);
    }
}
