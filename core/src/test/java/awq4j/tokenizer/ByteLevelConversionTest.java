package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.testing.ModelFolders;
import awq4j.testing.Shared;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ByteLevelConversionTest {
    @TempDir
    private Path folder;

    @Test
    void mergesAreAppliedInTheirOrder() throws IOException {
        small("#version: 0.2\nl o\nlo w\nĠ low\n");
        Tokenizer tokenizer = Tokenizer.open(folder);
        assertThat(tokenizer.encode("low low")).containsExactly(0, 6, 7);
        assertThat(tokenizer.encode("low low", false)).containsExactly(6, 7);
        assertThat(tokenizer.encode("low</s>", false)).containsExactly(6, 0);
        assertThat(tokenizer.decode(new int[] {0, 6, 7}, true)).isEqualTo("low low");
        assertThat(tokenizer.bosId()).hasValue(0);
        assertThat(tokenizer.isSpecial(0)).isTrue();
    }

    @Test
    void aDamagedFileIsNamedWithItsLine() throws IOException {
        small("#version: 0.2\nl o\nlow\n");
        refused("merges.txt: line 3 should be two tokens, is \"low\"");
        small("l o w\n");
        refused("merges.txt: line 1 should be two tokens, is \"l o w\"");
        small("l x\n");
        refused("vocab.json: not a tokenizer: ");
        Files.writeString(folder.resolve("vocab.json"), "[]");
        refused("vocab.json: expected a JSON object, found a list");
    }

    @Test
    void tokensBeyondTheVocabularyAreCountedOn() throws IOException {
        small("l o\nlo w\nĠ low\n");
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<a>\": 8, \"<far>\": 99}");
        Files.writeString(
                folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"<end>\", \"bos_token\": \"low\"}");
        Tokenizer tokenizer = Tokenizer.open(folder);
        assertThat(tokenizer.encode("<a>low<far><end>", false)).containsExactly(8, 6, 9, 10);
        assertThat(tokenizer.isSpecial(9)).isFalse();
        assertThat(tokenizer.eosId()).hasValue(10);
        assertThat(tokenizer.isSpecial(6)).as("a token with a role is a marker").isTrue();
    }

    @Test
    void wordsThatAreCutInAnUnknownWayAreRefused() throws IOException {
        small("l o\n");
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"CLIPTokenizer\"}");
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(
                        "no tokenizer.json in " + folder + ", and vocab.json of a CLIPTokenizer cannot be converted;"
                                + " the model's maker or transformers (save_pretrained) can give a tokenizer.json");
    }

    /** The same tokenizer in both forms, as OPT is published with the older one only. */
    @Test
    void bothFormsOfOptEncodeAlike() throws IOException {
        Path published = Shared.path("data/tokenizers/opt.tokenizer.json");
        Path whole = Files.createDirectories(folder.resolve("whole"));
        Files.copy(published, whole.resolve("tokenizer.json"));
        JsonNode model =
                JsonMapper.shared().readTree(Files.readAllBytes(published)).get("model");
        Files.writeString(folder.resolve("vocab.json"), model.get("vocab").toString());
        var merges = new ArrayList<String>();
        merges.add("#version: 0.2");
        model.get("merges")
                .forEach(merge ->
                        merges.add(merge.get(0).asString() + " " + merge.get(1).asString()));
        Files.write(folder.resolve("merges.txt"), merges, StandardCharsets.UTF_8);
        Tokenizer converted = Tokenizer.open(folder);
        Tokenizer original = Tokenizer.open(whole);
        for (String text : new String[] {
            "", "Hello, world!", "  two  spaces\n\n\ttab", "don't I'LL 1234567", "naïve café — 日本語 🤗", "\u0000\u00a0x"
        }) {
            assertThat(converted.encode(text)).as(text).containsExactly(original.encode(text));
            assertThat(converted.decode(converted.encode(text), false)).isEqualTo(text);
        }
    }

    private void small(String merges) throws IOException {
        ModelFolders.edit(
                folder.resolve("vocab.json"),
                json -> json.put("</s>", 0)
                        .put("l", 1)
                        .put("o", 2)
                        .put("w", 3)
                        .put("Ġ", 4)
                        .put("lo", 5)
                        .put("low", 6)
                        .put("Ġlow", 7));
        ModelFolders.edit(
                folder.resolve("tokenizer_config.json"),
                json -> json.put("bos_token", "</s>").put("eos_token", "</s>").put("add_bos_token", true));
        Files.writeString(folder.resolve("merges.txt"), merges);
    }

    private void refused(String message) {
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(message);
    }
}
