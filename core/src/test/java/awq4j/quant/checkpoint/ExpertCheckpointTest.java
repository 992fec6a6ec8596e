package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.PackedModel;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.tensor.DType;
import awq4j.testing.ModelFolders;
import awq4j.testing.RandomMixtures;
import awq4j.testing.RandomModels;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models with experts from their folder to a quantized one that runs. */
class ExpertCheckpointTest {
    private static final QuantScheme INT4_G16 = new QuantScheme(4, 16, false, Range.REFERENCE);
    private static final int[][] TEXT = RandomModels.tokens(16, 32, 160, 5);

    @TempDir
    private Path folder;

    private Path model(String name) {
        return ModelFolders.copy("models/" + name, folder.resolve(name));
    }

    private QuantizationReport quantize(Path model, String out, MethodChoice method, int[][] text) {
        return CheckpointQuantizer.run(
                QuantizeSettings.of(model, folder.resolve(out), INT4_G16, method, Calibration.ofTokens(text)));
    }

    private static MethodChoice awq(int expertTokens) {
        return MethodChoice.awq(new Awq.Settings(Scaling.DUO, true, 512, expertTokens, false));
    }

    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe"})
    void awqGivesACheckpointThatRunsBetterThanRtn(String name) {
        Path model = model(name);
        float[] exact = logits(model, CpuOptions.DEFAULT);
        var report = quantize(model, "awq", awq(64), TEXT);
        CheckpointQuantizer.run(QuantizeSettings.of(model, folder.resolve("rtn"), INT4_G16, MethodChoice.rtn(), null));

        assertThat(report.result().meanLossReduction()).isGreaterThan(0.05);
        double awq = CheckpointQuantizerTest.meanSquare(logits(folder.resolve("awq"), CpuOptions.DEFAULT), exact);
        double rtn = CheckpointQuantizerTest.meanSquare(logits(folder.resolve("rtn"), CpuOptions.DEFAULT), exact);
        assertThat(awq).as("%s, rtn has %s", name, rtn).isLessThan(rtn);
    }

    /** A token that stands between two experts may go to the other: it tells nothing, all others are near. */
    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe"})
    void eightBitsHardlyChangeTheLogits(String name) {
        Path model = model(name);
        float[] exact = logits(model, CpuOptions.DEFAULT);
        CheckpointQuantizer.run(QuantizeSettings.of(
                model,
                folder.resolve("out"),
                new QuantScheme(8, 16, false, Range.REFERENCE),
                MethodChoice.rtn(),
                null));
        float[] rounded = logits(folder.resolve("out"), CpuOptions.DEFAULT);
        double[] errors = new double[24];
        for (int i = 0; i < exact.length; i++) {
            double difference = rounded[i] - exact[i];
            errors[i / (exact.length / 24)] += difference * difference * 24 / exact.length;
        }
        Arrays.sort(errors);
        assertThat(errors[16]).isLessThan(5e-3);
    }

    @Test
    void namesAreHuggingFaces() {
        Path model = model("mixtral");
        var report = quantize(model, "out", awq(64), TEXT);
        try (Checkpoint source = Checkpoints.open(model);
                Checkpoint result = Checkpoints.open(folder.resolve("out"))) {
            var expected = new TreeSet<String>();
            for (String name : source.names()) {
                if (name.matches(".*(proj|w[123])\\.weight")) {
                    for (String part : List.of("qweight", "qzeros", "scales")) {
                        expected.add(name.replaceFirst("weight$", part));
                    }
                } else {
                    expected.add(name);
                }
            }
            assertThat(result.names()).containsExactlyInAnyOrderElementsOf(expected);
            assertThat(expected).contains("model.layers.1.block_sparse_moe.experts.3.w2.qweight");
            String gate = "model.layers.0.block_sparse_moe.gate";
            assertThat(result.tensor(gate + ".weight").dtype()).isEqualTo(DType.F16);
            assertThat(result.tensor(gate + ".weight").toFloats())
                    .isNotEqualTo(source.tensor(gate + ".weight").toFloats());
            assertThat(result.quantization().orElseThrow().excluded())
                    .containsExactly(gate, "model.layers.1.block_sparse_moe.gate");
            assertThat(report.result().notConverted())
                    .isEqualTo(result.quantization().orElseThrow().excluded());
        }
    }

    @Test
    void theReportCountsTheTokensOfEveryExpert() {
        var report = quantize(model("mixtral"), "out", awq(150), TEXT);
        assertThat(report.experts()).hasSize(2);
        for (var block : report.experts()) {
            assertThat(block.tokens()).hasSize(4);
            assertThat(block.tokens().stream().mapToInt(Integer::intValue).sum())
                    .isEqualTo(2 * 16 * 32);
            for (int e = 0; e < 4; e++) {
                assertThat(block.tooFew().contains(e)).isEqualTo(block.tokens().get(e) < 150);
                String name = "model.layers." + block.block() + ".block_sparse_moe.experts." + e + ".w2";
                var linear = report.linears().stream()
                        .filter(outcome -> outcome.name().equals(name))
                        .findFirst()
                        .orElseThrow();
                assertThat(linear.tokens()).isEqualTo(block.tokens().get(e));
                assertThat(linear.note() == null).isEqualTo(!block.tooFew().contains(e));
            }
        }
        var written = Config.read(folder.resolve("out").resolve(QuantizationReport.FILE))
                .json();
        assertThat(written.get("experts").get(1).get("tokens").size()).isEqualTo(4);
        assertThat(written.get("settings").get("expert tokens").asString()).isEqualTo("150");
    }

    @Test
    void everyExpertMaySeeAllTokens() {
        var settings = new Awq.Settings(Scaling.DUO, true, 512).seeingEveryExpert();
        var report = quantize(model("qwen2_moe"), "out", MethodChoice.awq(settings), TEXT);
        assertThat(report.settings()).containsEntry("every expert", "true");
        assertThat(report.experts())
                .allMatch(block -> block.tooFew().isEmpty() && block.tokens().equals(List.of(512, 512, 512, 512)));
        assertThat(report.result().meanLossReduction()).isGreaterThan(0.05);
    }

    @Test
    void aModelWithoutExpertsCannotShowThemAnything() {
        Path model = model("llama_mha");
        var settings = new Awq.Settings(Scaling.DUO, true, 512).seeingEveryExpert();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> quantize(model, "out", MethodChoice.awq(settings), TEXT))
                .withMessage("every expert was to see all calibration tokens, but " + model + " has no experts");
    }

    @Test
    void layersWithoutExpertsAreQuantizedAsEver() {
        var sizes = new RandomMixtures.Sizes(48, 32, 64, 80, 6, 2, 3, 2, List.of());
        Path model = RandomMixtures.qwen2(folder.resolve("model"), sizes, 9);
        float[] exact = logits(model, CpuOptions.DEFAULT);
        var report = quantize(model, "out", awq(8), RandomModels.tokens(4, 32, RandomMixtures.VOCABULARY, 5));
        assertThat(report.experts()).hasSize(1);
        // 3 x 4 of attention, 2 x 3 of dense layers, 7 x 3 of experts with the shared one, 2 that steer
        assertThat(report.result().allLinears()).isEqualTo(12 + 6 + 21 + 2);
        assertThat(report.result().quantizedLinears()).isEqualTo(12 + 6 + 21);
        assertThat(CheckpointQuantizerTest.meanSquare(logits(folder.resolve("out"), CpuOptions.DEFAULT), exact))
                .isLessThan(0.1);
    }

    @Test
    void packedFileHoldsTheExperts() {
        quantize(model("mixtral"), "out", awq(64), TEXT);
        Path out = folder.resolve("out");
        var options = new CpuOptions(CpuOptions.Arithmetic.VECTOR, 2);
        float[] expected = logits(out, options);
        try (Checkpoint checkpoint = Checkpoints.open(out);
                var backend = CpuBackend.open(options)) {
            var model = Families.spec(checkpoint);
            var matrices = PackedModel.pack(backend, model, checkpoint, () -> {});
            assertThat(matrices)
                    .extracting(awq4j.weight.PackedMatrix::name)
                    .contains("model.layers.1.block_sparse_moe.experts.3.w2")
                    .doesNotContain("model.layers.1.block_sparse_moe.gate");
            PackedFile.write(checkpoint, matrices, () -> {});
            PackedModel.beside(checkpoint, backend).orElseThrow().close();
        }
        assertThat(logits(out, options)).containsExactly(expected);
    }

    private static float[] logits(Path folder, CpuOptions options) {
        int[] ids = new Random(2).ints(24, 0, 120).toArray();
        try (Checkpoint checkpoint = Checkpoints.open(folder);
                var backend = CpuBackend.open(options)) {
            var packed = PackedModel.beside(checkpoint, backend);
            try {
                var transformer = Transformer.open(backend, Families.spec(checkpoint), checkpoint, packed, 24);
                var cache = transformer.newSequence(KvPrecision.F32, 24);
                var buffer = transformer.forward(StepBatch.of(ids, 0, StepBatch.Logits.ALL), List.of(cache), Taps.NONE);
                float[] logits = new float[24 * transformer.spec().vocabulary()];
                backend.read(Objects.requireNonNull(buffer), logits);
                return logits;
            } finally {
                packed.ifPresent(PackedFile::close);
            }
        }
    }
}
