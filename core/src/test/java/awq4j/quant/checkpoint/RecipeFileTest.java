package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeFileTest {
    @TempDir
    private static Path shared;

    @TempDir
    private Path folder;

    private static Path model;
    private static Path searched;
    private static Path file;

    @BeforeAll
    static void search() {
        model = RandomModels.llama(shared.resolve("model"), Sizes.SMALL, DType.F16, 21);
        searched = shared.resolve("searched");
        file = shared.resolve("a.recipe");
        CheckpointQuantizer.run(
                ResumeTest.settings(model, searched, ResumeTest.childMethod()).withRecipeOut(file));
    }

    @Test
    void packsAgainToTheSameBytes() throws IOException {
        Path again = folder.resolve("again");
        try (RecipeFile recipe = RecipeFile.open(file)) {
            assertThat(recipe.header().method()).isEqualTo("awq");
            assertThat(recipe.header().settings()).containsEntry("scaling", "plain");
            var report = CheckpointQuantizer.run(
                    QuantizeSettings.of(model, again, recipe.header().scheme(), MethodChoice.recipe(recipe), null));
            assertThat(report.calibration()).isNull();
            assertThat(report.settings()).containsKey("recipe");
        }
        ResumeTest.sameFiles(again, searched);
    }

    @Test
    void isGoodForItsModelAndSchemeOnly() {
        Path other = RandomModels.llama(folder.resolve("other"), Sizes.SMALL, DType.F16, 22);
        try (RecipeFile recipe = RecipeFile.open(file)) {
            assertThatThrownBy(() -> CheckpointQuantizer.run(QuantizeSettings.of(
                            other, folder.resolve("x"), recipe.header().scheme(), MethodChoice.recipe(recipe), null)))
                    .hasMessageStartingWith("the recipe was found for another model: LlamaForCausalLM of 3 blocks,")
                    .hasMessageContaining("not for " + other);
            var three = new QuantScheme(3, 32, false, Range.REFERENCE);
            assertThatThrownBy(() -> CheckpointQuantizer.run(
                            QuantizeSettings.of(model, folder.resolve("x"), three, MethodChoice.recipe(recipe), null)))
                    .hasMessage("the recipe was found for 4 bits, group size 32, asymmetric, range reference;"
                            + " scales and clips are good for that only,"
                            + " asked for is 3 bits, group size 32, asymmetric, range reference");
        }
        assertThat(folder.resolve("x")).doesNotExist();
    }

    @Test
    void isNotReplacedUnasked() {
        assertThatThrownBy(() ->
                        CheckpointQuantizer.run(ResumeTest.settings(model, folder.resolve("x"), MethodChoice.rtn())
                                .withRecipeOut(file)))
                .hasMessage("recipe " + file + " exists; give another name, or --force to replace it");
        assertThatThrownBy(() ->
                        CheckpointQuantizer.run(ResumeTest.settings(model, folder.resolve("x"), MethodChoice.rtn())
                                .withRecipeOut(folder.resolve("none/a.recipe"))))
                .hasMessageStartingWith("cannot write recipe ")
                .hasMessageEndingWith("there is no folder " + folder.resolve("none"));
    }

    @Test
    void whatIsNoRecipeIsNamed() throws IOException {
        Path tensors = folder.resolve("b.safetensors");
        SafetensorsWriter.write(tensors, Map.of("format", "pt"), List.of());
        refused(
                tensors,
                "b.safetensors: expected a recipe, found a safetensors file without the metadata awq4j.recipe");
        SafetensorsWriter.write(tensors, Map.of("awq4j.recipe", "{"), List.of());
        refused(tensors, "b.safetensors: metadata awq4j.recipe is not JSON");
        SafetensorsWriter.write(tensors, Map.of("awq4j.recipe", "{\"version\": 2}"), List.of());
        refused(tensors, "b.safetensors: recipe of version 2, expected 1");
        byte[] whole = Files.readAllBytes(file);
        Path cut = Files.write(folder.resolve("c.recipe"), java.util.Arrays.copyOf(whole, whole.length - 8));
        refused(cut, "c.recipe");
    }

    private static void refused(Path path, String beginning) {
        assertThatThrownBy(() -> RecipeFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(beginning);
    }
}
