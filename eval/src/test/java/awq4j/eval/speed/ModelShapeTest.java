package awq4j.eval.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ParameterCount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelShapeTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "tinyllama-1.1b, 1100048384",
        "llama-3.2-1b, 1235814400",
        "qwen2.5-0.5b, 494032768",
        "llama-2-7b, 6738415616"
    })
    void knownShapesHaveThePublishedNumberOfParameters(String name, long parameters) {
        ModelShape shape = ModelShape.of(name);
        assertThat(ModelShape.NAMES).contains(name);
        assertThat(shape.name()).isEqualTo(name);
        assertThat(ParameterCount.of(shape.spec()).total()).isEqualTo(parameters);
    }

    @Test
    void everyNameIsThere() {
        assertThat(ModelShape.NAMES)
                .allSatisfy(
                        name -> assertThat(ModelShape.of(name).spec().blocks()).isNotEmpty());
    }

    @Test
    void aFileIsNamedByItselfOrItsFolder() throws IOException {
        Path own = Files.writeString(
                folder.resolve("mine.json"),
                TinyShapes.LLAMA.shape(folder).config().json() + "");
        Path model = Files.createDirectory(folder.resolve("my-model"));
        Path config = Files.copy(own, model.resolve("config.json"));
        assertThat(ModelShape.of(own.toString()).name()).isEqualTo("mine");
        assertThat(ModelShape.of(config.toString()).name()).isEqualTo("my-model");
    }

    @Test
    void whatIsNeitherNameNorFileIsRefusedWithTheNames() {
        assertThatThrownBy(() -> ModelShape.of("tinylama"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("shape tinylama is neither one that is known (tinyllama-1.1b, llama-3.2-1b, qwen2.5-0.5b,"
                        + " llama-2-7b) nor a file such as a model's config.json");
    }

    @Test
    void aFileThatDescribesNoModelIsRefused() throws IOException {
        Path empty = Files.writeString(folder.resolve("empty.json"), "{}");
        assertThatThrownBy(() -> ModelShape.of(empty.toString()))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("has no \"architectures\"");
        Path unknown = Files.writeString(folder.resolve("rwkv.json"), "{\"architectures\": [\"RwkvForCausalLM\"]}");
        assertThatThrownBy(() -> ModelShape.of(unknown.toString()))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("architecture RwkvForCausalLM is not supported");
    }
}
