package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.tensor.DType;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which files of PyTorch are a folder's model. */
class PickleCheckpointTest {
    private static final String BIN = "models/checkpoint_formats/fp16_bin";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"pytorch_model.bin", "llama-w4-g128-awq-v2.pt", "checkpoint.pth", "weights.bin"})
    void theOnlyFileIsTheModel(String name) throws IOException {
        ModelFolders.copy(BIN, folder);
        Files.move(folder.resolve("pytorch_model.bin"), folder.resolve(name));
        for (String other : new String[] {"optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state_0.pth"}) {
            Files.writeString(folder.resolve(other), "of a trainer");
        }
        try (Checkpoint checkpoint = Checkpoints.open(folder);
                Checkpoint single = Checkpoints.open(GoldenFiles.path("models/llama_mha"))) {
            assertThat(checkpoint.names()).containsExactlyInAnyOrderElementsOf(single.names());
            assertThat(checkpoint.files()).containsExactly(folder.resolve("config.json"), folder.resolve(name));
            String linear = "model.layers.0.mlp.up_proj";
            assertThat(checkpoint.linear(linear).layout()).isEqualTo(new Dense(DType.F16));
            assertThat(WeightCodec.decode(checkpoint.linear(linear)))
                    .isEqualTo(single.tensor(linear + ".weight").as(DType.F16).toFloats());
        }
    }

    @Test
    void shardsAreOneModel() throws IOException {
        ModelFolders.copy(BIN, folder);
        Files.move(folder.resolve("pytorch_model.bin"), folder.resolve("pytorch_model-00001-of-00002.bin"));
        Files.copy(
                GoldenFiles.path("models/checkpoint_formats/tricky.pt"),
                folder.resolve("pytorch_model-00002-of-00002.bin"));
        ModelFolders.edit(
                folder.resolve("pytorch_model.bin.index.json"),
                json -> json.putObject("weight_map")
                        .put("model.norm.weight", "pytorch_model-00001-of-00002.bin")
                        .put("slice", "pytorch_model-00002-of-00002.bin"));
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("model.norm.weight", "slice");
            assertThat(checkpoint.tensor("slice").toFloats()).containsExactly(6, 8, 10, 12, 14, 16);
        }
        ModelFolders.edit(
                folder.resolve("pytorch_model.bin.index.json"),
                json -> json.putObject("weight_map").put("absent", "pytorch_model-00002-of-00002.bin"));
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("pytorch_model.bin.index.json: puts tensor absent into pytorch_model-00002-of-00002.bin,"
                        + " which does not have it");
    }

    @Test
    void safetensorsArePreferred() throws IOException {
        ModelFolders.copy("models/llama_mha", folder);
        Files.delete(folder.resolve("io.safetensors"));
        Files.copy(GoldenFiles.path(BIN + "/pytorch_model.bin"), folder.resolve("pytorch_model.bin"));
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThat(checkpoint.tensor("model.norm.weight").dtype()).isEqualTo(DType.F32);
        }
        try (Checkpoint checkpoint = Checkpoints.open(folder.resolve("pytorch_model.bin"))) {
            assertThat(checkpoint.tensor("model.norm.weight").dtype()).isEqualTo(DType.F16);
            assertThat(checkpoint.path()).isEqualTo(folder);
        }
    }

    @Test
    void aFileMayLieElsewhere() {
        Path file = GoldenFiles.path(BIN + "/pytorch_model.bin");
        try (Checkpoint checkpoint = Checkpoints.open(file, GoldenFiles.path("models/llama_mha"))) {
            assertThat(checkpoint.config().file().getParent()).isEqualTo(GoldenFiles.path("models/llama_mha"));
            assertThat(checkpoint.tensor("model.norm.weight").dtype()).isEqualTo(DType.F16);
        }
    }

    @Test
    void whatIsNoModelIsRefused() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{}");
        Files.copy(GoldenFiles.path(BIN + "/pytorch_model.bin"), folder.resolve("a.pt"));
        Files.copy(GoldenFiles.path(BIN + "/pytorch_model.bin"), folder.resolve("b.pt"));
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(folder.getFileName() + ": weights come as a.pt, b.pt; expected model.safetensors or"
                        + " pytorch_model.bin, the index of one in shards, or exactly one file");
        Files.delete(folder.resolve("b.pt"));
        Files.copy(
                GoldenFiles.path("models/checkpoint_formats/awq_cache_example.pt"),
                folder.resolve("a.pt"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage(
                        "a.pt @ 64: expected a dict of tensors, alone or as \"state_dict\" or \"model\", found none");
        Files.delete(folder.resolve("config.json"));
        assertThatThrownBy(() -> Checkpoints.open(folder.resolve("a.pt")))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("found no config.json in");
    }

    @Test
    void metasOwnFormIsRefused() throws IOException {
        Files.writeString(folder.resolve("consolidated.00.pth"), "x");
        Files.writeString(folder.resolve("consolidated.01.pth"), "x");
        Files.writeString(folder.resolve("params.json"), "{}");
        String message = "consolidated.00.pth is a model in Meta's own form, whose names, order of rows and parts for"
                + " several GPUs are not read; convert it with transformers' convert_llama_weights_to_hf.py, or take"
                + " the model in Hugging Face's form";
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(message);
        Files.writeString(folder.resolve("config.json"), "{}");
        assertThatThrownBy(() -> Checkpoints.open(folder)).hasMessage(message);
        assertThatThrownBy(() -> Checkpoints.open(folder.resolve("consolidated.00.pth")))
                .hasMessage(message);
        Files.copy(GoldenFiles.path(BIN + "/pytorch_model.bin"), folder.resolve("pytorch_model.bin"));
        Checkpoints.open(folder).close();
    }
}
