package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.cli.hub.HubCache;
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
    private HubCache hub;

    @BeforeEach
    void aModel() throws IOException {
        hub = new HubCache(folder.resolve("hub"));
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
    void aMissingFileIsCalledAFile() {
        refused(folder.resolve("absent.gguf"), "there is no file " + folder.resolve("absent.gguf"));
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
                folder.resolve("cache")
                        + " is not a model folder: it has no config.json and no .gguf file; did you mean " + model
                        + "?");
    }

    @Test
    void aModelOfTinyChatEngineIsToldWhatItLacks() throws IOException {
        Path engine = folder.resolve("engine");
        Files.createDirectories(engine.resolve("decoder/layer0"));
        refused(
                engine,
                engine
                        + " is a model of TinyChatEngine, which does not say what it is: put config.json and the tokenizer"
                        + " of the model that it was made from into it");
    }

    @Test
    void aHubNameThatIsNotDownloadedNamesTheCommand() {
        refused(
                Path.of("TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
                "there is no folder TinyLlama/TinyLlama-1.1B-Chat-v1.0, and no such model in the cache "
                        + hub.folder() + "; if that is its name on the Hugging Face hub, awq4j pull"
                        + " TinyLlama/TinyLlama-1.1B-Chat-v1.0 downloads it");
    }

    @Test
    void aHubNameIsTheFolderInTheCache() throws IOException {
        String commit = "0123456789abcdef0123456789abcdef01234567";
        Path snapshot = Files.createDirectories(hub.folder().resolve("models--org--model/snapshots/" + commit));
        refused(
                Path.of("org/model"),
                "there is no folder org/model, and no such model in the cache " + hub.folder() + " (only its " + commit
                        + "); if that is its name on the Hugging Face hub, awq4j pull org/model downloads it");
        Path refs = Files.createDirectories(hub.folder().resolve("models--org--model/refs"));
        Files.writeString(refs.resolve("main"), commit);
        refused(
                Path.of("org/model"),
                "org/model is in the cache without config.json, as an interrupted download leaves it; awq4j pull"
                        + " org/model completes it");
        Path notes = Files.createDirectories(hub.folder().resolve("models--org--model/.no_exist/" + commit));
        Files.createFile(notes.resolve("config.json"));
        refused(
                Path.of("org/model"),
                "org/model has no config.json at its hub, as Python's library noted in the cache (.no_exist); it holds"
                        + " no model that can be opened");
        Files.writeString(snapshot.resolve("config.json"), "{}");
        Files.writeString(snapshot.resolve("model.safetensors"), "");
        assertThat(ModelFolder.of(Path.of("org/model"), hub)).isEqualTo(snapshot);
        assertThat(ModelFolder.name(snapshot)).isEqualTo("org/model");
        assertThat(ModelFolder.name(folder.resolve("q4/."))).isEqualTo("q4");
        assertThat(ModelFolder.of(Path.of("org/model@" + commit), hub)).isEqualTo(snapshot);
    }

    @Test
    void anotherFormatIsNamed() throws IOException {
        Path onnx = Files.writeString(folder.resolve("model.onnx"), "");
        refused(
                onnx,
                onnx + " is a .onnx file, which is not supported yet; give a folder with config.json, *.safetensors"
                        + " and tokenizer.json");
    }

    @Test
    void aGgufFileIsAModelAndSoIsAFolderWithOne() throws IOException {
        Path own = Files.createDirectory(folder.resolve("gguf"));
        Path gguf = Files.writeString(own.resolve("model.Q4_0.gguf"), "GGUF");
        Files.writeString(own.resolve("mmproj-model.gguf"), "GGUF");
        assertThat(ModelFolder.of(gguf)).isEqualTo(gguf);
        assertThat(ModelFolder.of(own)).isEqualTo(gguf);
        Path parts = Files.createDirectory(folder.resolve("parts"));
        Files.writeString(parts.resolve("m-00002-of-00002.gguf"), "GGUF");
        Path first = Files.writeString(parts.resolve("m-00001-of-00002.gguf"), "GGUF");
        assertThat(ModelFolder.of(parts)).isEqualTo(first);
        Files.writeString(own.resolve("model.F16.gguf"), "GGUF");
        assertThatThrownBy(() -> ModelFolder.of(own))
                .hasMessage("gguf: has 2 GGUF models, name one of them: model.F16.gguf, model.Q4_0.gguf");
        Files.writeString(own.resolve("config.json"), "{}");
        assertThat(ModelFolder.of(own)).isEqualTo(own);
    }

    private void refused(Path argument, String message) {
        assertThatThrownBy(() -> ModelFolder.of(argument, hub))
                .isInstanceOf(Refusal.class)
                .hasMessage(message);
    }
}
