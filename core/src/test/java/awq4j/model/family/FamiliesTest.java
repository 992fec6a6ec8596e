package awq4j.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelSpec;
import awq4j.testing.ModelFolders;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class FamiliesTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @MethodSource("awq4j.testing.GoldenFiles#models")
    void bothFormsOfConfigurationDescribeTheSameModel(String name) throws IOException {
        ModelFolders.copy("models/" + name, folder);
        ModelSpec hub = spec(folder);
        Files.move(
                folder.resolve("config.v5.json"), folder.resolve("config.json"), StandardCopyOption.REPLACE_EXISTING);
        assertThat(spec(folder)).isEqualTo(hub);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "LlamaForCausalLLM; LlamaForCausalLM, LLaMAForCausalLM",
                "Qwen4ForCausalLM; Qwen2ForCausalLM, Qwen3ForCausalLM",
                "MistrelForCausalLM; MistralForCausalLM, MixtralForCausalLM",
                "OptForConditionalGeneration; OPTForCausalLM, MptForCausalLM, MPTForCausalLM",
                "GPT3LMHeadModel; GPT2LMHeadModel",
                "Lama5ForCausalLM; LlamaForCausalLM, LLaMAForCausalLM",
                "Llama4ForCausalLM; LlamaForCausalLM, LLaMAForCausalLM",
                "Qwen3NextForCausalLM; Qwen3ForCausalLM"
            })
    void anUnknownArchitectureNamesTheNearest(String unknown, String nearest) {
        ModelFolders.copy("models/llama_gqa", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putArray("architectures").add(unknown));
        long known = Families.all().stream()
                .mapToLong(family -> family.architectures().size())
                .sum();
        assertThatThrownBy(() -> spec(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("architecture " + unknown + " is not supported; the nearest of the " + known + " that are: "
                        + nearest);
    }

    @Test
    void anArchitectureLikeNoneNamesThemAll() {
        ModelFolders.copy("models/llama_gqa", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putArray("architectures").add("x".repeat(5000)));
        assertThatThrownBy(() -> spec(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageMatching(
                        "architecture x{60}\\.\\.\\. is not supported; supported: Bloom, Cohere, Falcon, .*, Yi");
    }

    private static ModelSpec spec(Path folder) {
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            return Families.spec(checkpoint);
        }
    }
}
