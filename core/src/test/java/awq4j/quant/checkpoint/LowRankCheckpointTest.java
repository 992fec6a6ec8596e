package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.GoldenModel;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.PackedModel;
import awq4j.model.Parameters;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Taps;
import awq4j.model.TensorCheck;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.Gptq;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.QuantizedBlock;
import awq4j.quant.Scaling;
import awq4j.quant.WithLowRank;
import awq4j.quant.WithLowRank.Weighting;
import awq4j.quant.calibration.Calibration;
import awq4j.tensor.DType;
import awq4j.testing.ModelFolders;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Matrices of low rank beside the codes of a checkpoint: written, read, run and converted. */
class LowRankCheckpointTest {
    private static final QuantScheme INT3 = new QuantScheme(3, 32, false, Range.INCLUDE_ZERO);
    private static final Conversion.Watch UNWATCHED = (step, done, all) -> {};
    private static final int[] TOKENS = RandomModels.tokens(1, 24, 96, 9)[0];
    private static final CpuOptions SCALAR = new CpuOptions(Arithmetic.SCALAR, 1);

    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void aModel() {
        model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 11);
    }

    private static MethodChoice method(String name) {
        var awq = new Awq.Settings(Scaling.PLAIN, true, 64);
        return switch (name) {
            case "awq" -> MethodChoice.awq(awq);
            case "gptq" -> MethodChoice.gptq(Gptq.Settings.DEFAULT, null);
            case "awq+gptq" -> MethodChoice.gptq(Gptq.Settings.DEFAULT, awq);
            default -> MethodChoice.rtn();
        };
    }

    private static Calibration calibration() {
        return Calibration.ofTokens(RandomModels.tokens(4, 32, 96, 3));
    }

    private QuantizeSettings settings(Path out, String method, int rank) {
        return QuantizeSettings.of(model, out, INT3, method(method), calibration())
                .withCpu(SCALAR)
                .withLowRank(new WithLowRank.Settings(rank, Weighting.GRAM));
    }

    private Path quantized(String method, int rank) {
        Path out = folder.resolve(method + rank);
        CheckpointQuantizer.run(settings(out, method, rank));
        return out;
    }

    private Path plain() {
        Path out = folder.resolve("plain");
        CheckpointQuantizer.run(
                QuantizeSettings.of(model, out, INT3, MethodChoice.rtn(), null).withCpu(SCALAR));
        return out;
    }

    @ParameterizedTest
    @ValueSource(strings = {"rtn", "awq", "gptq", "awq+gptq"})
    void logitsAreThoseOfTheMethodInMemory(String method) {
        Path out = quantized(method, 5);
        assertThat(logits(out)).isEqualTo(inMemory(settings(folder.resolve("never"), method, 5)));
        try (Checkpoint result = Checkpoints.open(out)) {
            assertThat(result.quantization().orElseThrow().version()).isEqualTo("awq4j-dense");
            assertThat(result.config()
                            .section("quantization_config")
                            .orElseThrow()
                            .integer("low_rank"))
                    .isEqualTo(5);
            TensorCheck check = TensorCheck.of(Families.spec(result), result);
            assertThat(check.faults()).isEmpty();
            assertThat(check.unused()).isEmpty();
        }
    }

    @Test
    void theHigherTheRankTheNearerTheOriginal() {
        float[] exact = logits(model);
        double last = Double.POSITIVE_INFINITY;
        double lastLoss = Double.POSITIVE_INFINITY;
        double plain = 0;
        for (int rank : new int[] {1, 4, 16, 64}) {
            Path out = folder.resolve("out" + rank);
            QuantizationReport report = CheckpointQuantizer.run(settings(out, "rtn", rank));
            assertThat(report.method()).isEqualTo("rtn+rank" + rank);
            assertThat(report.settings()).containsEntry("rank", Integer.toString(rank));
            double loss = report.linears().stream()
                    .mapToDouble(linear -> Objects.requireNonNull(linear.lossAfter()))
                    .sum();
            plain = report.linears().stream()
                    .mapToDouble(linear -> Objects.requireNonNull(linear.lossBefore()))
                    .sum();
            double error = CheckpointQuantizerTest.meanSquare(logits(out), exact);
            assertThat(error).as("rank %d", rank).isLessThan(last);
            assertThat(loss).as("rank %d", rank).isLessThan(0.9 * lastLoss).isLessThan(plain);
            last = error;
            lastLoss = loss;
        }
        assertThat(lastLoss).isLessThan(1e-5 * plain); // whole rank: what float16 factors leave
        float[] rounded = logits(plain());
        assertThat(last).isLessThan(1e-4 * CheckpointQuantizerTest.meanSquare(rounded, exact));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rtn", "awq+gptq"})
    void interruptedItGoesOnToTheSameBytes(String method) throws IOException {
        Path whole = quantized(method, 4);
        Path out = folder.resolve("out");
        var done = new AtomicInteger();
        var interrupted = settings(out, method, 4)
                .watched(
                        step -> {
                            if (step instanceof Progress.BlockFinished) {
                                done.incrementAndGet();
                            }
                        },
                        () -> done.get() > 0);
        assertThatThrownBy(() -> CheckpointQuantizer.run(interrupted)).isInstanceOf(CancellationException.class);
        assertThatThrownBy(() -> CheckpointQuantizer.run(settings(out, method, 8)))
                .hasMessageContaining("method rank was 4, is 8");
        CheckpointQuantizer.run(settings(out, method, 4));
        ResumeTest.sameFiles(out, whole);
    }

    /** Several linears in one stored matrix; inputs before outputs in another. */
    @ParameterizedTest
    @ValueSource(strings = {"models/phi3", "models/gpt2"})
    void partsOfAStoredMatrixHaveTheirOwn(String golden) {
        Path source = ModelFolders.copy(golden, folder.resolve("source"));
        int[][] text;
        try (Checkpoint checkpoint = Checkpoints.open(source)) {
            text = RandomModels.tokens(2, 32, Families.spec(checkpoint).vocabulary(), 4);
        }
        Path out = folder.resolve("out");
        Path rounded = folder.resolve("rounded");
        var groups = new QuantScheme(3, 16, false, Range.INCLUDE_ZERO);
        var calibration = Calibration.ofTokens(text);
        CheckpointQuantizer.run(QuantizeSettings.of(source, rounded, groups, MethodChoice.rtn(), null));
        CheckpointQuantizer.run(QuantizeSettings.of(source, out, groups, MethodChoice.rtn(), calibration)
                .withLowRank(new WithLowRank.Settings(4096, Weighting.NONE)));
        try (Checkpoint result = Checkpoints.open(out)) {
            assertThat(TensorCheck.of(Families.spec(result), result).unused()).isEmpty();
        }
        float[] exact = logits(source);
        assertThat(CheckpointQuantizerTest.meanSquare(logits(out), exact))
                .isLessThan(1e-2 * CheckpointQuantizerTest.meanSquare(logits(rounded), exact));
    }

    @Test
    void formsOfCodesAloneSayWhatIsLost() {
        Path source = quantized("rtn", 8);
        Path out = folder.resolve("gptq");
        try (Checkpoint checkpoint = Checkpoints.open(source)) {
            var conversion = Conversion.of(checkpoint, "gptq", out, false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.exact()).isFalse();
            assertThat(plan.reasons()).containsExactly(Map.entry("low-rank matrices beside codes, left out", 21));
            conversion.write(plan, UNWATCHED);
        }
        assertThat(logits(out)).isEqualTo(logits(plain()));
    }

    @Test
    void floatsHoldTheSum() {
        Path source = quantized("awq", 8);
        Path out = folder.resolve("f16");
        try (Checkpoint checkpoint = Checkpoints.open(source)) {
            var conversion = Conversion.of(checkpoint, "safetensors-f16", out, false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.reasons()).containsExactly(Map.entry("values finer than float16, rounded", 21));
            assertThat(plan.relativeError()).isLessThan(5e-4);
            conversion.write(plan, UNWATCHED);
        }
        try (Checkpoint result = Checkpoints.open(out)) {
            assertThat(result.names()).noneMatch(name -> name.contains("low_rank"));
        }
        float[] expected = logits(source);
        assertThat(CheckpointQuantizerTest.meanSquare(logits(out), expected))
                .isLessThan(1e-4 * CheckpointQuantizerTest.meanSquare(logits(model), expected));
    }

    @Test
    void packedItRunsAsBefore() {
        Path source = quantized("rtn", 8);
        Path out = folder.resolve("packed");
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            float[] expected = logits(source, backend);
            try (Checkpoint checkpoint = Checkpoints.open(source)) {
                ModelSpec spec = Families.spec(checkpoint);
                PackedFolder.of(checkpoint, out, false)
                        .write(spec, PackedModel.pack(backend, spec, checkpoint, () -> {}), () -> {});
            }
            try (Checkpoint checkpoint = Checkpoints.open(out);
                    PackedFile packed = PackedModel.beside(checkpoint, backend).orElseThrow()) {
                ModelSpec spec = Families.spec(checkpoint);
                assertThat(TensorCheck.of(spec, checkpoint).unused()).isEmpty();
                assertThat(run(backend, spec, checkpoint, Parameters.of(checkpoint, Optional.of(packed))))
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void recipesHaveNoPlaceForThem() {
        Path recipe = folder.resolve("a.recipe");
        assertThatThrownBy(() -> CheckpointQuantizer.run(
                        settings(folder.resolve("out"), "awq", 4).withRecipeOut(recipe)))
                .hasMessageContaining(
                        "recipe " + recipe + ": the codes of awq+rank4 do not follow from a recipe; leave it out");
    }

    /** Block by block as a library's user would do it. */
    private float[] inMemory(QuantizeSettings settings) {
        try (Backend backend = CpuBackend.open(SCALAR);
                Checkpoint checkpoint = Checkpoints.open(model)) {
            ModelSpec spec = Families.spec(checkpoint);
            var runner = new BlockRunner(backend, spec);
            QuantMethod method = settings.method().method().apply(runner);
            Calibration text = calibration();
            int sequences = text.sequences().length;
            float[] hidden = BlockLoop.embed(backend, spec, checkpoint, text);
            var blocks = new HashMap<String, QuantizedBlock>();
            var numbers = new HashMap<String, BlockWeights>();
            for (BlockSpec block : spec.blocks()) {
                BlockWeights weights = BlockWeights.load(block, Parameters.of(checkpoint));
                var captured = method.statisticsSuffice()
                        ? runner.count(block, weights, hidden, sequences, text.length())
                        : runner.capture(block, weights, hidden, sequences, text.length(), false);
                QuantizedBlock quantized = method.quantize(block, weights, captured.capture(), INT3);
                weights.take(quantized);
                hidden = method.seesQuantized()
                        ? runner.outputs(block, weights, hidden, sequences, text.length())
                        : captured.outputs();
                for (Linear linear : block.linears()) {
                    blocks.put(linear.name(), quantized);
                    numbers.put(linear.name(), weights);
                }
                block.norms().forEach(norm -> norm.tensors().forEach(name -> numbers.put(name, weights)));
            }
            return run(backend, spec, checkpoint, new Replaced(Parameters.of(checkpoint), blocks, numbers));
        }
    }

    /** A model whose blocks were quantized in memory. */
    private record Replaced(Parameters original, Map<String, QuantizedBlock> blocks, Map<String, BlockWeights> numbers)
            implements Parameters {
        @Override
        public Weight matrix(Linear linear) {
            QuantizedBlock block = blocks.get(linear.name());
            return block == null ? original.matrix(linear) : block.linears().get(linear.name());
        }

        @Override
        public Optional<LowRank> lowRank(Linear linear) {
            QuantizedBlock block = blocks.get(linear.name());
            return block == null
                    ? Optional.empty()
                    : Optional.ofNullable(block.corrections().get(linear.name()));
        }

        @Override
        public float[] bias(Linear linear) {
            return original.bias(linear);
        }

        @Override
        public float[] vector(String name, int size) {
            BlockWeights block = numbers.get(name);
            return block == null ? original.vector(name, size) : block.vector(name, size);
        }

        @Override
        public Optional<float[]> optional(String name, int size) {
            return original.optional(name, size);
        }
    }

    private static float[] logits(Path of) {
        try (Backend backend = CpuBackend.open(SCALAR)) {
            return logits(of, backend);
        }
    }

    private static float[] logits(Path of, Backend backend) {
        try (GoldenModel opened = GoldenModel.open(of, backend)) {
            return opened.run(TOKENS, TOKENS.length, KvPrecision.F32).logits();
        }
    }

    private static float[] run(Backend backend, ModelSpec spec, Checkpoint checkpoint, Parameters parameters) {
        Transformer transformer = Transformer.open(backend, spec, checkpoint, parameters, TOKENS.length);
        var cache = transformer.newSequence(KvPrecision.F32, TOKENS.length);
        cache.expect(TOKENS.length);
        Buffer out = Objects.requireNonNull(
                transformer.forward(StepBatch.of(TOKENS, 0, Logits.ALL), List.of(cache), Taps.NONE));
        float[] logits = new float[out.rows() * out.columns()];
        backend.read(out, logits);
        return logits;
    }
}
