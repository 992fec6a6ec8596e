package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import awq4j.cache.SequenceCache;
import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.WithLowRank.Settings;
import awq4j.quant.WithLowRank.Weighting;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Corrections of low rank: what they gain, and that they run everywhere as the sum of two matrices would. */
class WithLowRankTest {
    private static final QuantScheme INT3 = new QuantScheme(3, 128, false, Range.INCLUDE_ZERO);

    @ParameterizedTest
    @ValueSource(strings = {"rtn", "awq", "gptq"})
    void betterWeightingsLeaveLess(String base) {
        try (var golden = new GoldenModel("llama_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = SalienceTest.capture(golden, runner, spec, weights);
            QuantMethod method = switch (base) {
                case "awq" -> new Awq(runner, Awq.Settings.DEFAULT);
                case "gptq" -> new Gptq(runner, Gptq.Settings.DEFAULT);
                default -> new Rtn();
            };
            QuantizedBlock plain = method.quantize(spec, weights.copy(), capture, INT3);
            Map<Weighting, Map<String, LinearReport>> reports = new HashMap<>();
            for (Weighting weighting : Weighting.values()) {
                var corrected = new WithLowRank(method, runner, new Settings(16, weighting));
                assertThat(corrected.name()).isEqualTo(base + "+rank16");
                QuantizedBlock block = corrected.quantize(spec, weights.copy(), capture, INT3);
                var byName = new HashMap<String, LinearReport>();
                block.reports().forEach(report -> byName.put(report.name(), report));
                reports.put(weighting, byName);
                for (Linear linear : spec.linears()) {
                    assertThat(WeightCodec.decode(block.linears().get(linear.name())))
                            .isEqualTo(WeightCodec.decode(plain.linears().get(linear.name())));
                    if (base.equals("rtn")) {
                        float[] sum = sum(block, linear);
                        double loss = SalienceTest.loss(
                                weights.values(linear.name()), sum, capture.input(linear.name()), linear);
                        assertThat(byName.get(linear.name()).lossAfter()).isCloseTo(loss, within(1e-3 * loss));
                    }
                }
            }
            for (LinearReport before : plain.reports()) {
                double none = reports.get(Weighting.NONE).get(before.name()).lossAfter();
                double gram = reports.get(Weighting.GRAM).get(before.name()).lossAfter();
                double diagonal =
                        reports.get(Weighting.DIAGONAL).get(before.name()).lossAfter();
                assertThat(gram).as(before.name()).isLessThan(0.8 * none).isLessThan(1.01 * diagonal);
                if (!base.equals("rtn")) {
                    assertThat(gram).as(before.name()).isLessThan(0.8 * before.lossAfter());
                }
            }
        }
    }

    @Test
    void fullRankLeavesNothing() {
        try (var golden = new GoldenModel("opt_tiny")) {
            BlockSpec spec = golden.spec.blocks().getFirst();
            BlockWeights weights = golden.weights(spec);
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockCapture capture = SalienceTest.capture(golden, runner, spec, weights);
            QuantizedBlock block = new WithLowRank(new Rtn(), runner, new Settings(4096, Weighting.NONE))
                    .quantize(spec, weights.copy(), capture, INT3);
            for (Linear linear : spec.linears()) {
                float[] sum = sum(block, linear);
                float[] original = weights.values(linear.name());
                float[] rounded = WeightCodec.decode(block.linears().get(linear.name()));
                double left = 0;
                double residual = 0;
                for (int i = 0; i < sum.length; i++) {
                    left += Math.pow(sum[i] - original[i], 2);
                    residual += Math.pow(rounded[i] - original[i], 2);
                }
                assertThat(left).isLessThan(1e-6 * residual); // what float16 factors leave
            }
        }
    }

    @Test
    void correctedModelIsNearerToTheOriginal() {
        try (var golden = new GoldenModel("llama_tiny")) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            double plain = golden.perplexity(GoldenSalienceTest.quantize(golden, new Rtn(), INT3));
            var corrected = new WithLowRank(new Rtn(), runner, new Settings(16, Weighting.GRAM));
            double better = golden.perplexity(GoldenSalienceTest.quantize(golden, corrected, INT3));
            double original = golden.listed("ppl_gptq.json", "ppl", "gptq_w4g128");
            assertThat(better).isLessThan(0.85 * plain).isLessThan(1.25 * original);
        }
    }

    /** The same logits as with matrices Q + U V, on each kind of kernel, for a whole prompt and token by token. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void runsAsTheSumOfTwoMatrices(String model) {
        try (var golden = new GoldenModel(model)) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            var method = new WithLowRank(new Rtn(), runner, new Settings(7, Weighting.GRAM));
            List<QuantizedBlock> blocks = GoldenSalienceTest.quantize(golden, method, INT3);
            List<QuantizedBlock> sums = blocks.stream()
                    .map(block -> {
                        var dense = new HashMap<String, Weight>();
                        golden.spec
                                .blocks()
                                .get(block.recipe().layer())
                                .linears()
                                .forEach(linear -> dense.put(
                                        linear.name(),
                                        Weight.ofFloats(
                                                linear.name(), linear.rows(), linear.columns(), sum(block, linear))));
                        return new QuantizedBlock(dense, block.changed(), block.recipe(), block.reports());
                    })
                    .toList();
            int[] tokens = Arrays.copyOf(golden.calibration[0], 9);
            for (boolean vector : new boolean[] {false, true}) {
                var options = vector
                        ? CpuOptions.DEFAULT
                        : new CpuOptions(
                                CpuOptions.Arithmetic.SCALAR,
                                CpuOptions.DEFAULT.precision(),
                                CpuOptions.DEFAULT.threads());
                try (Backend backend = CpuBackend.open(options)) {
                    float[] expected = logits(golden, backend, new Overlay(golden.checkpoint, sums), tokens, 9);
                    var checkpoint = new Overlay(golden.checkpoint, blocks);
                    for (int together : new int[] {9, 4, 1}) {
                        float[] found = logits(golden, backend, checkpoint, tokens, together);
                        for (int i = 0; i < found.length; i++) {
                            assertThat(found[i])
                                    .as("vector %s, %d at once, logit %d", vector, together, i)
                                    .isCloseTo(expected[i], within(2e-3f));
                        }
                    }
                }
            }
        }
    }

    @Test
    void factorsThatDoNotFitAreRefused() {
        try (var golden = new GoldenModel("llama_tiny")) {
            Linear linear = golden.spec.blocks().getFirst().attention().key();
            var block = new QuantizedBlock(
                    Map.of(),
                    Map.of(),
                    Map.of(linear.name(), LowRank.ofFloats(linear.name(), 2, 3, 1, new float[3], new float[2])),
                    BlockRecipe.plain(0),
                    List.of());
            assertThatThrownBy(() -> Transformer.open(
                            golden.backend, golden.spec, new Overlay(golden.checkpoint, List.of(block)), 8))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining("model.layers.0.self_attn.k_proj.low_rank_down,"
                            + " model.layers.0.self_attn.k_proj.low_rank_up: expected [rank, 256] and [128, rank],"
                            + " file has [1, 3] and [2, 1]");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Settings(0, Weighting.NONE))
                .withMessage("rank must be positive, was 0");
    }

    private static float[] sum(QuantizedBlock block, Linear linear) {
        float[] values = WeightCodec.decode(block.linears().get(linear.name()));
        float[] added = block.corrections().get(linear.name()).decode();
        for (int i = 0; i < values.length; i++) {
            values[i] += added[i];
        }
        return values;
    }

    private static float[] logits(
            GoldenModel golden, Backend backend, Checkpoint checkpoint, int[] tokens, int together) {
        var transformer = Transformer.open(backend, golden.spec, checkpoint, tokens.length);
        SequenceCache cache = transformer.newSequence(KvPrecision.F32, tokens.length);
        float[] all = new float[tokens.length * golden.spec.vocabulary()];
        for (int from = 0; from < tokens.length; from += together) {
            int[] some = Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + together));
            Buffer out = transformer.forward(StepBatch.of(some, from, Logits.ALL), List.of(cache), Taps.NONE);
            float[] part = new float[some.length * golden.spec.vocabulary()];
            backend.read(Objects.requireNonNull(out), part);
            System.arraycopy(part, 0, all, from * golden.spec.vocabulary(), part.length);
        }
        return all;
    }
}
