package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Small models trained with SentencePiece, and what SentencePiece itself makes of a few texts. */
class SentencePieceTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"bpe", "unigram", "unigram-nodummy"})
    void agreesWithSentencePiece(String name) throws IOException {
        Tokenizer tokenizer = open(name);
        for (JsonNode expected : JsonMapper.shared().readTree(Fixtures.bytes(name + ".json"))) {
            String text = expected.get("text").asString();
            int[] ids = tokenizer.encode(text, false);
            assertThat(ids)
                    .as("\"%s\"", text)
                    .isEqualTo(expected.get("ids")
                            .valueStream()
                            .mapToInt(JsonNode::asInt)
                            .toArray());
            assertThat(tokenizer.decode(ids, true))
                    .isEqualTo(expected.get("decoded").asString());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bpe", "unigram"})
    void streamsBytesOfUnknownCharacters(String name) throws IOException {
        Tokenizer tokenizer = open(name);
        int[] ids = tokenizer.encode("日本 😁😁 ok");
        var pieces = new StringBuilder();
        TokenDecoder decoder = tokenizer.decoder();
        for (int id : ids) {
            pieces.append(decoder.next(id));
        }
        assertThat(pieces.append(decoder.flush())).hasToString("日本 😁😁 ok");
    }

    @Test
    void specialTokensOfTheModelAreKnown() throws IOException {
        Tokenizer tokenizer = open("bpe");
        assertThat(tokenizer.bosId()).hasValue(1);
        assertThat(tokenizer.eosId()).hasValue(2);
        assertThat(tokenizer.id("<sep>")).hasValue(3);
        assertThat(tokenizer.isSpecial(1)).isTrue();
        assertThat(tokenizer.isSpecial(3)).as("user-defined tokens are text").isFalse();
        assertThat(tokenizer.encode("a<sep>")).startsWith(1).endsWith(3).doesNotContain(2);
        assertThat(tokenizer.vocabularySize()).isEqualTo(700);
    }

    @Test
    void bosAndEosAreAddedAsTheConfigurationSays() throws IOException {
        Files.writeString(
                folder.resolve("tokenizer_config.json"), "{\"add_bos_token\": false, \"add_eos_token\": true}");
        assertThat(open("bpe").encode("Once")).doesNotContain(1).endsWith(2);
        Files.writeString(
                folder.resolve("tokenizer_config.json"), "{\"add_bos_token\": true, \"add_eos_token\": true}");
        assertThat(open("bpe").encode("Once")).startsWith(1).endsWith(2);
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"add_bos_token\": false}");
        assertThat(open("bpe").encode("Once")).doesNotContain(1, 2);
    }

    @Test
    void leadingSpaceComesOnceUnlessLegacy() throws IOException {
        Tokenizer legacy = open("bpe");
        int[] afterSpecial = legacy.encode("</s>Once", false);
        assertThat(afterSpecial).startsWith(2).endsWith(legacy.encode("Once", false));
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"legacy\": false}");
        Tokenizer current = open("bpe");
        assertThat(current.encode("Once", false)).isEqualTo(legacy.encode("Once", false));
        assertThat(current.encode("</s>Once", false)).isNotEqualTo(afterSpecial);
        assertThat(current.decode(current.encode("</s>Once", false), true)).isEqualTo("Once");
    }

    @Test
    void addedTokensOfTheFolderAreTaken() throws IOException {
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<pad>\": 700, \"<tool>\": 701}");
        Files.writeString(folder.resolve("special_tokens_map.json"), "{\"pad_token\": \"<pad>\"}");
        Tokenizer tokenizer = open("bpe");
        assertThat(tokenizer.vocabularySize()).isEqualTo(702);
        assertThat(tokenizer.encode("<pad><tool>", false)).isEqualTo(new int[] {700, 701});
        assertThat(tokenizer.decode(new int[] {700, 701}, true))
                .as("only what has a role is a marker")
                .isEqualTo("<tool>");
    }

    @Test
    void addedTokensOfTheConfigurationGoFirst() throws IOException {
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<pad>\": 700}");
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"added_tokens_decoder\": {\"700\": {\"content\": \"<|im_end|>\", \"special\": true, \"rstrip\": true}},"
                        + " \"additional_special_tokens\": [\"<more>\"]}");
        Tokenizer tokenizer = open("bpe");
        assertThat(tokenizer.id("<pad>")).isEmpty();
        assertThat(tokenizer.encode("<|im_end|> \n <more>", false)).isEqualTo(new int[] {700, 701});
        assertThat(tokenizer.decode(new int[] {700, 701}, true)).isEmpty();
    }

    @Test
    void pieceThatWasKeptFreeGetsItsName() throws IOException {
        Tokenizer before = open("bpe");
        int free = before.id("<0xFF>").orElseThrow();
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"added_tokens_decoder\": {\"" + free + "\": {\"content\": \"<|im_end|>\", \"special\": true}}}");
        Tokenizer renamed = open("bpe");
        assertThat(renamed.vocabularySize()).isEqualTo(before.vocabularySize());
        assertThat(renamed.encode("<|im_end|>", false)).containsExactly(free);
    }

    @Test
    void tiktokenVocabularyIsNamed() throws IOException {
        Files.writeString(folder.resolve("tokenizer.model"), "IQ== 0\nIg== 1\n");
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(
                        "tokenizer.model is a vocabulary of tiktoken, which cannot be converted; a tokenizer.json is"
                                + " needed, which the model's maker or transformers (save_pretrained) can give");
    }

    @Test
    void everyTruncationIsOneSentence() throws IOException {
        byte[] model = Fixtures.bytes("bpe.model");
        for (int length = 0; length < model.length; length = length < 100 ? length + 1 : length + 97) {
            Files.write(folder.resolve("tokenizer.model"), Arrays.copyOf(model, length));
            try {
                Tokenizer.open(folder);
            } catch (MalformedFileException e) {
                assertThat(e.getMessage()).startsWith("tokenizer.model").doesNotContain("\n");
            }
        }
        Files.write(folder.resolve("tokenizer.model"), Arrays.copyOf(model, 9));
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("tokenizer.model @ 2: not a SentencePiece model: a field of 14 bytes, 7 are left");
    }

    @Test
    void otherModelTypesAreRefused() throws IOException {
        // a piece "a", then a trainer specification whose model_type is 4 (characters)
        Files.write(folder.resolve("tokenizer.model"), new byte[] {0x0a, 3, 0x0a, 1, 'a', 0x12, 2, 0x18, 4});
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("tokenizer.model is a SentencePiece model of type 4; supported: 1 (Unigram), 2 (BPE)");
    }

    private Tokenizer open(String name) throws IOException {
        Files.write(folder.resolve("tokenizer.model"), Fixtures.bytes(name + ".model"));
        return Tokenizer.open(folder);
    }
}
