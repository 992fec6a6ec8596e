package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BlockRunnerTest {
    private static final float TOLERANCE = 1e-4f; // float32 sums in another order: batches differ in size

    /** Blocks run one by one see what they see inside the model. */
    @ParameterizedTest
    @MethodSource("awq4j.testing.GoldenFiles#denseModels")
    void blocksSeeWhatTheModelShowsThem(String name) {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/" + name));
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            int length = 20;
            var sequences = List.of(tokens(model, length, 3), tokens(model, length, 5), tokens(model, length, 11));
            Map<String, float[]> expected = new HashMap<>();
            float[] hidden = new float[3 * length * model.hidden()];
            var transformer = Transformer.open(backend, model, checkpoint, 64);
            for (int s = 0; s < 3; s++) {
                int row = s * length;
                transformer.forward(
                        StepBatch.of(sequences.get(s), 0, Logits.NONE),
                        List.of(transformer.newSequence(KvPrecision.F32, length)),
                        (point, value) -> {
                            float[] values = new float[value.rows() * value.columns()];
                            backend.read(value, values);
                            float[] all = point.equals("embedding")
                                    ? hidden
                                    : expected.computeIfAbsent(point, p -> new float[3 * values.length]);
                            System.arraycopy(values, 0, all, row * value.columns(), values.length);
                        });
            }
            var runner = new BlockRunner(backend, model);
            float[] flowing = hidden;
            for (BlockSpec spec : model.blocks()) {
                var weights = BlockWeights.load(spec, Parameters.of(checkpoint));
                BlockRunner.Captured captured = runner.capture(spec, weights, flowing, 3, length);
                spec.linears().forEach(linear -> {
                    String point = linear.name() + ".input";
                    assertClose(captured.capture().input(linear.name()), expected.get(point), point);
                });
                flowing = captured.outputs();
                assertClose(flowing, expected.get("layer." + spec.index() + ".output"), "output " + spec.index());
            }
        }
    }

    @Test
    void overflowIsNamed() {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/llama_gqa"));
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            BlockSpec spec = model.blocks().get(1);
            var weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            String up = "model.layers.1.mlp.up_proj";
            java.util.Arrays.fill(weights.values(up), 0, 4, Float.MAX_VALUE);
            float[] hidden = new float[2 * 3 * model.hidden()];
            java.util.Arrays.fill(hidden, 1);
            assertThatExceptionOfType(UnsupportedModelException.class)
                    .isThrownBy(() -> new BlockRunner(backend, model).capture(spec, weights, hidden, 2, 3))
                    .withMessageMatching(
                            "block 1: the input of model.layers.1.mlp.down_proj is (NaN|-?Infinity) at sequence 0,"
                                    + " token 0, channel 0, before it was quantized: .*");
        }
    }

    @Test
    void hiddenStatesOfAnotherShapeAreRefused() {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/llama_gqa"));
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            BlockSpec spec = model.blocks().getFirst();
            var weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new BlockRunner(backend, model).capture(spec, weights, new float[7], 2, 3))
                    .withMessage("block 0: 2 sequences of 3 tokens take [6, " + model.hidden()
                            + "] hidden states, found 7 values");
        }
    }

    private static int[] tokens(ModelSpec model, int length, int step) {
        int[] tokens = new int[length];
        for (int i = 0; i < length; i++) {
            tokens[i] = (7 + i * step) % model.vocabulary();
        }
        return tokens;
    }

    private static void assertClose(float[] found, float[] expected, String what) {
        assertThat(found.length).as(what).isEqualTo(expected.length);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i])
                    .as("%s at %d", what, i)
                    .isCloseTo(expected[i], within(TOLERANCE * (1 + Math.abs(expected[i]))));
        }
    }
}
