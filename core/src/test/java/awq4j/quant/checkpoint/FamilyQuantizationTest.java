package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.Definition;
import awq4j.model.GoldenModel;
import awq4j.model.ModelSpec;
import awq4j.model.TensorCheck;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.testing.RandomModels;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A small model of every family goes in, an AWQ folder comes out, is read and runs. */
class FamilyQuantizationTest {
    private static final long SEED = 3;
    private static final QuantScheme INT4_G16 = new QuantScheme(4, 16, false, Range.REFERENCE);
    private static final QuantScheme INT8_G8 = new QuantScheme(8, 8, false, Range.REFERENCE);
    private static final QuantScheme INT8_G16 = new QuantScheme(8, 16, false, Range.REFERENCE);

    /** Squared error of logits by their squares, of random weights; measured up to 0.22. Others' logits would give 2. */
    private static final double FOUR_BITS = 0.4;

    /** The same for 8 bits in tiny models; measured up to 0.002, of plain rounding up to 0.006. */
    private static final double EIGHT_BITS = 4e-3;

    @TempDir
    private Path folder;

    /** Those that differ in what quantizing has to do with. */
    static List<String> models() {
        return GoldenFiles.denseModels().stream()
                .filter(name -> !name.contains("rope") && !name.startsWith("llama_mha"))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("models")
    void awqGivesAFolderThatRuns(String name) {
        Path source = ModelFolders.copy("models/" + name, folder.resolve("source"));
        Path out = folder.resolve("out");
        var report = quantize(source, out, INT4_G16);
        assertThat(report.result().quantizedLinears()).isEqualTo(report.result().allLinears());
        assertThat(report.result().notConverted()).isEmpty();
        assertThat(report.result().meanLossReduction()).isPositive();
        try (Checkpoint result = Checkpoints.open(out)) {
            ModelSpec model = Families.spec(result);
            var check = TensorCheck.of(model, result);
            assertThat(check.faults()).isEmpty();
            assertThat(check.unused()).isEmpty();
            assertThat(result.names()).isEqualTo(expectedNames(source, model));
        }
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            float[] exact = logits(source, name, backend);
            float[] quantized = logits(out, name, backend);
            assertThat(quantized).hasSameSizeAs(exact);
            assertThat(relativeError(quantized, exact)).isLessThan(FOUR_BITS);
        }
    }

    /** Codes of 8 bits cost nearly nothing, so what is left is what went wrong besides. */
    @ParameterizedTest
    @MethodSource("models")
    void eightBitsGiveNearlyTheOriginal(String name) {
        Path source = ModelFolders.copy("models/" + name, folder.resolve("source"));
        Path out = folder.resolve("out");
        quantize(source, out, INT8_G16);
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            assertThat(relativeError(logits(out, name, backend), logits(source, name, backend)))
                    .isLessThan(1e-3);
        }
    }

    @ParameterizedTest
    @MethodSource("awq4j.model.Definition#all")
    void eightBitsGiveNearlyTheOriginalOfModelsWithoutGoldens(Definition definition) {
        Path source = definition.write(folder.resolve("source"));
        Path out = folder.resolve("out");
        var result = quantize(source, out, INT8_G8).result();
        assertThat(result.quantizedLinears() + result.notConverted().size()).isEqualTo(result.allLinears());
        assertThat(result.notConverted()).allMatch(name -> name.endsWith(".router.layer"));
        int[] tokens = RandomModels.tokens(1, 20, Definition.VOCABULARY, SEED + 1)[0];
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                var exact = GoldenModel.open(source, backend);
                var quantized = GoldenModel.open(out, backend)) {
            assertThat(relativeError(
                            quantized.run(tokens, 20, KvPrecision.F32).logits(),
                            exact.run(tokens, 20, KvPrecision.F32).logits()))
                    .isLessThan(EIGHT_BITS);
        }
    }

    @Test
    void activationsGetTheirScales() {
        Path source = ModelFolders.copy("models/mpt", folder.resolve("source"));
        quantize(source, folder.resolve("out"), INT4_G16);
        CheckpointQuantizer.run(QuantizeSettings.of(source, folder.resolve("rtn"), INT4_G16, MethodChoice.rtn(), null));
        String scales = "transformer.blocks.0.ffn.act.scales";
        try (Checkpoint awq = Checkpoints.open(folder.resolve("out"));
                Checkpoint rtn = Checkpoints.open(folder.resolve("rtn"))) {
            assertThat(awq.tensor(scales).toFloats()).hasSize(256);
            assertThat(new TreeSet<>(
                            Stream.of(boxed(awq.tensor(scales).toFloats())).toList()))
                    .hasSizeGreaterThan(1);
            assertThat(rtn.tensor(scales).toFloats()).containsOnly(1);
        }
    }

    private static Float[] boxed(float[] values) {
        Float[] boxed = new Float[values.length];
        for (int i = 0; i < values.length; i++) {
            boxed[i] = values[i];
        }
        return boxed;
    }

    private static QuantizationReport quantize(Path source, Path out, QuantScheme scheme) {
        int vocabulary;
        try (Checkpoint checkpoint = Checkpoints.open(source)) {
            vocabulary = Families.spec(checkpoint).vocabulary();
        }
        int[][] tokens = RandomModels.tokens(4, 24, vocabulary, SEED);
        var method = MethodChoice.awq(new Awq.Settings(Scaling.DUO, true, 96));
        return CheckpointQuantizer.run(QuantizeSettings.of(source, out, scheme, method, Calibration.ofTokens(tokens)));
    }

    /** The source's, with each quantized matrix in three parts, and the scales of activations. */
    private static Set<String> expectedNames(Path source, ModelSpec model) {
        Set<String> matrices = model.blocks().stream()
                .flatMap(block -> block.linears().stream())
                .map(linear -> linear.stored().name())
                .collect(Collectors.toSet());
        var names = new TreeSet<String>();
        try (var file = SafetensorsFile.open(source.resolve("model.safetensors"))) {
            for (String name : file.names()) {
                String prefix = name.replaceFirst("\\.weight$", "");
                if (matrices.contains(prefix)) {
                    names.addAll(Set.of(prefix + ".qweight", prefix + ".qzeros", prefix + ".scales"));
                } else {
                    names.add(name);
                }
            }
        }
        model.blocks().forEach(block -> {
            if (block.mlp() instanceof awq4j.model.Mlp.Plain plain && plain.scales() != null) {
                names.add(plain.scales());
            }
        });
        return names;
    }

    private static float[] logits(Path model, String golden, Backend backend) {
        int[] tokens = GoldenModel.integers(GoldenFiles.path("models/" + golden).resolve("expected.json"), "input_ids");
        try (var opened = GoldenModel.open(model, backend)) {
            return opened.run(tokens, tokens.length, KvPrecision.F32).logits();
        }
    }

    private static double relativeError(float[] a, float[] b) {
        double error = 0;
        double size = 0;
        for (int i = 0; i < a.length; i++) {
            error += (double) (a[i] - b[i]) * (a[i] - b[i]);
            size += (double) b[i] * b[i];
        }
        return error / size;
    }
}
