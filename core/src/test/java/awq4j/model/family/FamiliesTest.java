package awq4j.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelSpec;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class FamiliesTest {
    @TempDir
    private Path folder;

    static List<String> goldenModels() {
        try (Stream<Path> folders = Files.list(GoldenFiles.path("models"))) {
            return folders.filter(path -> Files.exists(path.resolve("config.v5.json")))
                    .map(path -> path.getFileName().toString())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @ParameterizedTest
    @MethodSource("goldenModels")
    void bothFormsOfConfigurationDescribeTheSameModel(String name) throws IOException {
        ModelFolders.copy("models/" + name, folder);
        ModelSpec hub = spec(folder);
        Files.move(
                folder.resolve("config.v5.json"), folder.resolve("config.json"), StandardCopyOption.REPLACE_EXISTING);
        assertThat(spec(folder)).isEqualTo(hub);
    }

    @ParameterizedTest
    @CsvSource({
        "LlamaForCausalLLM,LlamaForCausalLM",
        "Qwen4ForCausalLM,Qwen2ForCausalLM",
        "MistrelForCausalLM,MistralForCausalLM",
        "OptForConditionalGeneration,OPTForCausalLM"
    })
    void anUnknownArchitectureNamesTheKnownOnesAndTheNearest(String unknown, String nearest) {
        ModelFolders.copy("models/llama_gqa", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putArray("architectures").add(unknown));
        assertThatThrownBy(() -> spec(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("architecture " + unknown + " is not supported; supported: "
                        + Families.all().stream()
                                .flatMap(family -> family.architectures().stream())
                                .sorted()
                                .collect(Collectors.joining(", "))
                        + "; the nearest of these is " + nearest);
    }

    @Test
    void anArchitectureLikeNoneHasNoNearest() {
        ModelFolders.copy("models/llama_gqa", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putArray("architectures").add("x".repeat(5000)));
        assertThatThrownBy(() -> spec(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageMatching("architecture x{60}\\.\\.\\. is not supported; supported: [^;]*");
    }

    private static ModelSpec spec(Path folder) {
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            return Families.spec(checkpoint);
        }
    }
}
