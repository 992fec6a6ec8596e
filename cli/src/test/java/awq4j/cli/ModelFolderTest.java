package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFolderTest {
    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void aModel() throws IOException {
        model = Files.createDirectories(folder.resolve("cache/snapshots/abc"));
        Files.writeString(model.resolve("config.json"), "{}");
        Files.writeString(model.resolve("model.safetensors"), "");
    }

    @Test
    void takesTheFolderOrAFileOfIt() {
        assertThat(ModelFolder.of(model)).isEqualTo(model);
        assertThat(ModelFolder.of(model.resolve("model.safetensors"))).isEqualTo(model);
    }

    @Test
    void aMissingFolderSuggestsItsNeighbour() {
        refused(
                folder.resolve("cahce"),
                "there is no folder " + folder.resolve("cahce") + "; did you mean " + folder.resolve("cache") + "?");
    }

    @Test
    void aFolderWithoutConfigPointsAtTheModelBelow() {
        refused(
                folder.resolve("cache"),
                folder.resolve("cache") + " is not a model folder: it has no config.json; did you mean " + model + "?");
    }

    @Test
    void aHubNameSaysToDownloadFirst() {
        refused(
                Path.of("TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
                "there is no folder TinyLlama/TinyLlama-1.1B-Chat-v1.0; if that is a model's name on the Hugging Face"
                        + " hub, download it first (hf download TinyLlama/TinyLlama-1.1B-Chat-v1.0 --local-dir FOLDER)"
                        + " and give the folder");
    }

    @Test
    void anotherFormatIsNamed() throws IOException {
        Path gguf = Files.writeString(folder.resolve("model.Q4_0.gguf"), "GGUF");
        refused(
                gguf,
                gguf + " is a .gguf file, which is not supported yet; give a folder with config.json, *.safetensors"
                        + " and tokenizer.json");
    }

    private static void refused(Path argument, String message) {
        assertThatThrownBy(() -> ModelFolder.of(argument))
                .isInstanceOf(Refusal.class)
                .hasMessage(message);
    }
}
