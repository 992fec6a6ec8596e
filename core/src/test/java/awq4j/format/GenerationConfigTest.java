package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.testing.ModelFolders;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class GenerationConfigTest {
    @TempDir
    private Path folder;

    @Test
    void recommendationsAreRead() {
        ModelFolders.edit(
                folder.resolve("generation_config.json"),
                json -> json.put("do_sample", true)
                        .put("temperature", 0.6)
                        .put("top_p", 0.9)
                        .put("top_k", 20)
                        .put("min_p", 0.05)
                        .put("repetition_penalty", 1.05)
                        .putArray("eos_token_id")
                        .add(151_645)
                        .add(151_643));
        GenerationConfig read = read("{\"eos_token_id\":2}");
        assertThat(read.endTokens()).containsExactlyInAnyOrder(151_645, 151_643);
        assertThat(read.sample()).isTrue();
        assertThat(read.temperature()).hasValue(0.6);
        assertThat(read.topP()).hasValue(0.9);
        assertThat(read.topK()).contains(20);
        assertThat(read.minP()).hasValue(0.05);
        assertThat(read.repetitionPenalty()).hasValue(1.05);
    }

    @Test
    void withoutTheFileOnlyTheEndIsKnown() {
        GenerationConfig read = read("{\"eos_token_id\":2}");
        assertThat(read.endTokens()).containsExactly(2);
        assertThat(read.sample()).isFalse();
        assertThat(read.temperature()).isEmpty();
        assertThat(read.topK()).isEmpty();
    }

    @Test
    void aFileWithoutAnEndLeavesThatToTheModel() {
        ModelFolders.edit(folder.resolve("generation_config.json"), json -> json.put("temperature", 0.7));
        assertThat(read("{\"eos_token_id\":[1,2]}").endTokens()).containsExactlyInAnyOrder(1, 2);
        assertThat(read("{}").endTokens()).isEmpty();
    }

    @Test
    void wrongTypesAreNamed() {
        wrong("eos_token_id", "\"</s>\"", "\"eos_token_id\" should be one id or a list of ids, is \"</s>\"");
        wrong("eos_token_id", "[1,-2]", "\"eos_token_id\" should be one id or a list of ids, is [1,-2]");
        wrong("temperature", "\"warm\"", "\"temperature\" should be a number, is \"warm\"");
        wrong("top_k", "0.5", "\"top_k\" should be an integer, is 0.5");
        wrong("do_sample", "1", "\"do_sample\" should be true or false, is 1");
    }

    private void wrong(String key, String value, String message) {
        ModelFolders.edit(
                folder.resolve("generation_config.json"),
                json -> json.removeAll().set(key, tree(value)));
        assertThatThrownBy(() -> read("{}"))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("generation_config.json: " + message);
    }

    private GenerationConfig read(String config) {
        ObjectNode node = (ObjectNode) tree(config);
        return GenerationConfig.read(folder, Config.of(folder.resolve("config.json"), node));
    }

    private static tools.jackson.databind.JsonNode tree(String json) {
        return tools.jackson.databind.json.JsonMapper.shared().readTree(json);
    }
}
