package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.Definition;
import awq4j.model.GoldenModel;
import awq4j.model.ModelFamily;
import awq4j.model.ModelFamily.Use;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.quant.checkpoint.ConversionSource.Place;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.testing.TinyModels;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The marks of the README's table of families. A small model of each runs, and is quantized; as an AWQ and as a GPTQ
 * folder its codes give the logits of the model that has their values as floats; a GGUF file gives those of the folder that
 * it was made of.
 */
class FamilyUsesTest {
    private static final float LOGITS = 1e-4f;

    /** Divides the columns of all of them. */
    private static final int GROUP = 8;

    private static Backend backend;

    @TempDir
    private Path folder;

    @BeforeAll
    static void open() {
        backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 2)); // quick at once: vectors are, once compiled;
    }

    @AfterAll
    static void close() {
        backend.close();
    }

    /** A model, tokens, and what a reference computes of them. */
    private record Example(Path model, int[] tokens, float[] logits) {}

    static List<ModelFamily> families() {
        return Families.all();
    }

    @ParameterizedTest
    @MethodSource("families")
    void everyMarkIsTrue(ModelFamily family) {
        Set<Use> proven = EnumSet.noneOf(Use.class);
        Example example = example(family);
        assertClose(logits(example.model(), example), example.logits(), "plain");
        proven.add(Use.RUN);

        Path awq = folder.resolve("awq");
        var scheme = new QuantScheme(4, GROUP, false, Range.REFERENCE);
        var report =
                CheckpointQuantizer.run(QuantizeSettings.of(example.model(), awq, scheme, MethodChoice.rtn(), null));
        assertThat(report.result().notConverted())
                .allMatch(name -> name.endsWith("gate") || name.endsWith("router.layer"), "routers");
        proven.add(Use.QUANTIZE);

        float[] expected = logits(asFloats(awq), example);
        float[] found = logits(awq, example);
        assertThat(largestDifference(expected, example.logits()))
                .as("4 bits are not the original")
                .isGreaterThan(LOGITS);
        assertClose(found, expected, "AWQ");
        proven.add(Use.AWQ);

        Path gptq = convert(awq, "gptq", "gptq", false);
        assertThat(logits(gptq, example)).as("GPTQ").isEqualTo(found);
        proven.add(Use.GPTQ);

        Path half = convert(example.model(), "safetensors-f16", "half", true);
        TinyModels.addTokenizer(half);
        if (family.uses().contains(Use.GGUF)) {
            asLlamaCppHasIt(half);
            Path gguf = convert(half, "gguf-f16", "model.gguf", false);
            assertClose(logits(gguf, example), logits(half, example), "GGUF");
            proven.add(Use.GGUF);
        } else {
            assertThatThrownBy(() -> convert(half, "gguf-f16", "model.gguf", false))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining("is not written to GGUF files");
        }
        assertThat(proven).isEqualTo(family.uses());
    }

    /** Gemma 2's tiny model scales scores as no model of that size does, and the format has no place for that. */
    private static void asLlamaCppHasIt(Path model) {
        ModelFolders.edit(model.resolve("config.json"), config -> {
            if (config.has("query_pre_attn_scalar")) {
                config.put("query_pre_attn_scalar", config.get("head_dim").asInt());
            }
        });
    }

    private Example example(ModelFamily family) {
        Path model = folder.resolve("model");
        Optional<String> golden = GoldenFiles.models().stream()
                .filter(name -> isOf(family, GoldenFiles.path("models/" + name)))
                .findFirst();
        if (golden.isPresent()) {
            ModelFolders.copy("models/" + golden.get(), model);
            return new Example(
                    model,
                    GoldenModel.integers(model.resolve("expected.json"), "input_ids"),
                    GoldenModel.floats(model.resolve("io.safetensors"), "logits"));
        }
        Definition definition = Definition.all()
                .filter(each -> family.architectures().contains(each.architecture()))
                .findFirst()
                .orElseThrow();
        int[] tokens = IntStream.range(0, 21)
                .map(i -> (i * i * 7 + 3 * i + 5) % Definition.VOCABULARY)
                .toArray();
        double[][] logits = definition.logits().apply(tokens);
        float[] flat = new float[tokens.length * Definition.VOCABULARY];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = (float) logits[i / Definition.VOCABULARY][i % Definition.VOCABULARY];
        }
        return new Example(definition.write(model), tokens, flat);
    }

    private static boolean isOf(ModelFamily family, Path model) {
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            return family.architectures()
                    .contains(checkpoint.config().texts("architectures").getFirst());
        }
    }

    /** The same model with what its codes stand for. */
    private Path asFloats(Path coded) {
        Path out = folder.resolve("floats");
        try (Checkpoint checkpoint = Checkpoints.open(coded)) {
            ConversionSource source = ConversionSource.of(checkpoint);
            var tensors = new ArrayList<Source>();
            for (Matrix matrix : source.matrices()) {
                boolean block = matrix.place() == Place.BLOCK;
                if (!checkpoint.hasLinear(matrix.name())) {
                    continue; // an output matrix that is the embedding
                }
                if (!block) {
                    String name = matrix.name() + ".weight";
                    tensors.add(Source.of(name, checkpoint.tensor(name)));
                    continue;
                }
                tensors.add(Source.of(matrix.name() + ".weight", floats(source.read(matrix), matrix.transposed())));
            }
            source.tensors().forEach(name -> tensors.add(Source.of(name, checkpoint.tensor(name))));
            WorkFolder.create(out);
            SafetensorsWriter.write(out.resolve("model.safetensors"), Map.of("format", "pt"), tensors);
            var config = ((tools.jackson.databind.node.ObjectNode)
                            checkpoint.config().json())
                    .deepCopy();
            config.remove("quantization_config");
            WholeFile.writeJson(out.resolve("config.json"), config);
        }
        return out;
    }

    private static Tensor floats(Weight weight, boolean transposed) {
        float[] values = WeightCodec.decode(weight);
        if (!transposed) {
            return Tensor.ofFloats(values, weight.rows(), weight.columns());
        }
        float[] turned = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            turned[i % weight.columns() * weight.rows() + i / weight.columns()] = values[i];
        }
        return Tensor.ofFloats(turned, weight.columns(), weight.rows());
    }

    private Path convert(Path model, String form, String name, boolean lossy) {
        Path out = folder.resolve(name);
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            var conversion = Conversion.of(checkpoint, form, out, false);
            ConversionPlan plan = conversion.plan((step, done, all) -> {});
            assertThat(plan.exact() || lossy).as(form).isTrue();
            conversion.write(plan, (step, done, all) -> {});
        }
        return out;
    }

    private static float[] logits(Path model, Example example) {
        try (GoldenModel opened = GoldenModel.open(model, backend)) {
            return opened.run(example.tokens(), example.tokens().length, KvPrecision.F32)
                    .logits();
        }
    }

    private static void assertClose(float[] found, float[] expected, String what) {
        assertThat(largestDifference(found, expected)).as(what).isLessThan(LOGITS);
    }

    private static float largestDifference(float[] found, float[] expected) {
        assertThat(found).hasSameSizeAs(expected);
        float largest = 0;
        for (int i = 0; i < found.length; i++) {
            float difference = Math.abs(found[i] - expected[i]);
            if (!(difference <= largest)) { // NaN is the largest
                largest = difference;
            }
        }
        return largest;
    }
}
