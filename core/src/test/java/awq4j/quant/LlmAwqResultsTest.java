package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.MalformedFileException;
import awq4j.format.Mutations;
import awq4j.format.Mutations.Outcome;
import awq4j.format.pickle.PickleCode;
import awq4j.format.pickle.TorchFiles;
import awq4j.model.BlockSpec;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.LlmAwqResults;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.QuantizationReport;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.quant.checkpoint.Recipe;
import awq4j.testing.GoldenFiles;
import awq4j.testing.RandomModels;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What llm-awq found for the two small models, in files as it writes them. */
class LlmAwqResultsTest {
    private static final int FILES = 10_000;

    @TempDir
    private Path folder;

    /** A file being written: its code and its storages. */
    private static final class Results {
        private final PickleCode code = new PickleCode().ops("}").text("scale").ops("]");
        private final Map<String, byte[]> storages = new LinkedHashMap<>();

        void scale(String fold, List<String> linears, float[] scale) {
            code.text(fold).ops("(");
            linears.forEach(code::text);
            tensor(code.ops("t"), scale, scale.length);
            code.op(0x87).ops("a");
        }

        void clips() {
            code.ops("s").text("clip").ops("]");
        }

        void clip(String linear, float[] clip, long... extents) {
            code.text(linear);
            tensor(code, clip, extents);
            code.op(0x86).ops("a");
        }

        private void tensor(PickleCode to, float[] values, long... extents) {
            String key = Integer.toString(storages.size());
            storages.put(key, TorchFiles.floats(values));
            long[] strides = new long[extents.length];
            long stride = 1;
            for (int axis = extents.length - 1; axis >= 0; axis--) {
                strides[axis] = stride;
                stride *= extents[axis];
            }
            to.tensor("FloatStorage", key, values.length, 0, extents, strides);
        }

        Path write(Path file) {
            return TorchFiles.write(file, TorchFiles.zip(code.ops("s").ended(), storages));
        }
    }

    private Path file(GoldenSearch search, GoldenModel golden) {
        var results = new Results();
        search.groups()
                .forEach(group -> results.scale(
                        group.fold(), group.linears(), search.tensor("scale." + group.index() + ".scales")));
        results.clips();
        for (BlockSpec spec : golden.spec.blocks()) {
            spec.linears().forEach(linear -> {
                float[] clip = search.tensors().get("clip." + linear.name());
                if (clip != null) {
                    results.clip(linear.name(), clip, linear.rows(), clip.length / linear.rows(), 1);
                }
            });
        }
        return results.write(folder.resolve("results.pt"));
    }

    /** And that recipe gives the reference's codes, zeros and scales bit for bit: see {@link GoldenStagesTest}. */
    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128",
        "llama_tiny, llmawq_w3g128",
        "opt_tiny, llmawq_w4g128",
        "opt_tiny, llmawq_w3g128"
    })
    void theFileIsTheReferencesRecipe(String model, String name) {
        GoldenSearch search = GoldenSearch.read(model, name);
        try (var golden = new GoldenModel(model);
                Recipe recipe = Recipe.open(file(search, golden))) {
            assertThat(recipe).isInstanceOf(LlmAwqResults.class);
            recipe.requireFor(golden.checkpoint, golden.spec, "", search.scheme());
            for (BlockSpec spec : golden.spec.blocks()) {
                BlockRecipe expected = search.recipe(spec);
                BlockRecipe found = recipe.block(spec);
                assertThat(found.scales()).hasSameSizeAs(expected.scales());
                for (int i = 0; i < expected.scales().size(); i++) {
                    assertThat(found.scales().get(i).fold())
                            .isEqualTo(expected.scales().get(i).fold());
                    assertThat(found.scales().get(i).linears())
                            .isEqualTo(expected.scales().get(i).linears());
                    assertThat(found.scales().get(i).scale())
                            .isEqualTo(expected.scales().get(i).scale());
                }
                assertThat(found.clips().keySet())
                        .isEqualTo(expected.clips().keySet())
                        .isNotEmpty();
                expected.clips()
                        .forEach((linear, clip) ->
                                assertThat(found.clips().get(linear)).as(linear).isEqualTo(clip));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void aCheckpointIsPackedFromIt(String name) {
        GoldenSearch search = GoldenSearch.read(name, "llmawq_w4g128");
        Path model = RandomModels.golden(folder, name);
        Path out = folder.resolve("out");
        try (var golden = new GoldenModel(name);
                Recipe recipe = Recipe.open(file(search, golden))) {
            QuantizationReport report = CheckpointQuantizer.run(
                    QuantizeSettings.of(model, out, search.scheme(), MethodChoice.recipe(recipe), null));
            assertThat(report.method()).isEqualTo("awq");
            assertThat(report.settings())
                    .isEqualTo(new TreeMap<>(Map.of("searched by", "llm-awq", "recipe", recipe.sha256())));
            var method = new FromRecipe("awq", search::recipe);
            try (Checkpoint written = Checkpoints.open(out)) {
                for (BlockSpec spec : golden.spec.blocks()) {
                    var block = method.quantize(spec, golden.weights(spec), BlockCapture.NONE, search.scheme());
                    for (Weight expected : block.linears().values()) {
                        Weight found = written.linear(expected.name());
                        assertThat(found.values().mismatch(expected.values()))
                                .as(expected.name())
                                .isEqualTo(-1);
                        Golden.assertEqual(
                                QuantizerTest.scales(found), QuantizerTest.scales(expected), expected.name());
                        assertThat(QuantizerTest.zeros(found)).isEqualTo(QuantizerTest.zeros(expected));
                    }
                }
            }
        }
    }

    @Test
    void whatDoesNotFitTheModelIsRefused() {
        GoldenSearch search = GoldenSearch.read("llama_tiny", "llmawq_w4g128");
        String up = "model.layers.1.mlp.up_proj";
        String norm = "model.layers.0.input_layernorm";
        List<String> inputs = List.of(
                "model.layers.0.self_attn.k_proj",
                "model.layers.0.self_attn.q_proj",
                "model.layers.0.self_attn.v_proj");
        refused(
                results -> results.scale("model.layers.0.post_attention_layernorm", inputs, new float[256]),
                "was found for another model: it scales model.layers.0.self_attn.k_proj, model.layers.0.self_attn.q_proj,"
                        + " model.layers.0.self_attn.v_proj by model.layers.0.post_attention_layernorm, which");
        refused(
                results -> results.scale(norm, inputs, new float[255]),
                "the scale of " + norm + " should be floats [256], is F32 [255]");
        try (var golden = new GoldenModel("llama_tiny")) {
            var results = new Results();
            results.scale(norm, inputs, new float[256]);
            results.clips();
            results.clip(up, new float[512 * 4], 512, 4, 1);
            try (Recipe recipe = Recipe.open(results.write(folder.resolve("a.pt")))) {
                assertThatThrownBy(() -> recipe.requireFor(golden.checkpoint, golden.spec, "", search.scheme()))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageEndingWith("was found for groups of 64 columns, asked for is 128: " + up
                                + " has clips [512, 4, 1]");
                recipe.requireFor(
                        golden.checkpoint,
                        golden.spec,
                        "",
                        new QuantScheme(4, 64, false, search.scheme().range()));
            }
            var other = new Results();
            other.clips();
            other.clip("model.layers.2.mlp.up_proj", new float[2], 2, 1, 1);
            try (Recipe recipe = Recipe.open(other.write(folder.resolve("a.pt")))) {
                assertThatThrownBy(() -> recipe.requireFor(golden.checkpoint, golden.spec, "", search.scheme()))
                        .hasMessageContaining("it clips model.layers.2.mlp.up_proj, which");
            }
        }
    }

    private void refused(java.util.function.Consumer<Results> entries, String message) {
        var results = new Results();
        entries.accept(results);
        results.clips();
        try (var golden = new GoldenModel("llama_tiny");
                Recipe recipe = Recipe.open(results.write(folder.resolve("a.pt")))) {
            assertThatThrownBy(() -> recipe.requireFor(golden.checkpoint, golden.spec, "", QuantScheme.INT4_G128))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(message);
        }
    }

    @Test
    void theReferencesStructureIsRead() {
        try (Recipe recipe = Recipe.open(GoldenFiles.path("models/checkpoint_formats/awq_cache_example.pt"));
                var golden = new GoldenModel("llama_tiny")) {
            assertThatThrownBy(() -> recipe.requireFor(golden.checkpoint, golden.spec, "", QuantScheme.INT4_G128))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageEndingWith("the clip of model.layers.0.self_attn.v_proj should be floats [128, 2, 1], is"
                            + " F32 [2, 3, 1]");
        }
    }

    @Test
    void otherPicklesAreRefused() {
        String message =
                "expected a recipe: results of llm-awq's search are a dict with the lists \"scale\" and \"clip\"";
        malformed(new PickleCode().ops("]"), message);
        malformed(new PickleCode().ops("}").text("scale").ops("]s"), message);
        malformed(new PickleCode().ops("}").text("scale").ops("]s").text("clip").ops("Ns"), message);
        malformed(
                new PickleCode().ops("}").text("clip").ops("]s").text("scale").ops("]Nas"),
                "entry 0 of \"scale\" should be (name, names, tensor)");
        malformed(
                new PickleCode().ops("}").text("scale").ops("]s").text("clip").ops("])as"),
                "entry 0 of \"clip\" should be (name, tensor)");
        var twice = new Results();
        twice.clips();
        twice.clip("x", new float[1], 1);
        twice.clip("x", new float[1], 1);
        assertThatThrownBy(() -> Recipe.open(twice.write(folder.resolve("a.pt"))))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageMatching("a.pt @ [0-9]+: has two clips for x");
    }

    private void malformed(PickleCode code, String message) {
        Path file = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of()));
        assertThatThrownBy(() -> Recipe.open(file))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("a.pt @ 40: " + message);
    }

    @Test
    void damagedFilesAreReadOrRefused() throws IOException {
        var results = new Results();
        results.scale(
                "model.layers.0.input_layernorm",
                List.of(
                        "model.layers.0.self_attn.q_proj",
                        "model.layers.0.self_attn.k_proj",
                        "model.layers.0.self_attn.v_proj"),
                Samples.floats(3, 256));
        results.clips();
        results.clip("model.layers.0.self_attn.v_proj", Samples.floats(4, 128 * 2), 128, 2, 1);
        Path file = results.write(folder.resolve("results.pt"));
        byte[] good = Files.readAllBytes(file);
        try (var golden = new GoldenModel("llama_tiny")) {
            Outcome outcome = Mutations.of(good, 22)
                    .within(64, 1024) // names and shapes
                    .within(good.length - 256, good.length)
                    .placed()
                    .read(FILES, file, damaged -> read(damaged, golden));
            assertThat(outcome.accepted()).isGreaterThan(FILES / 20);
            assertThat(outcome.malformed()).isGreaterThan(FILES / 5);
        }
    }

    private static void read(Path file, GoldenModel golden) {
        try (Recipe recipe = Recipe.open(file)) {
            if (fits(recipe, golden)) {
                golden.spec.blocks().forEach(recipe::block);
            }
        }
    }

    private static boolean fits(Recipe recipe, GoldenModel golden) {
        try {
            recipe.requireFor(golden.checkpoint, golden.spec, "", QuantScheme.INT4_G128);
            return true;
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageStartingWith("the recipe ");
            return false;
        }
    }
}
