package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufFile;
import awq4j.format.gguf.GgufWriter;
import awq4j.format.gguf.TokenKeys;
import awq4j.testing.Repository;
import awq4j.testing.Shared;
import awq4j.tokenizer.gguf.GgufVocabulary;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tokenizers of folders that are written into a GGUF file and read from there. */
class GgufVocabularyTest {
    private static final Path FAMILIES = Repository.root().resolve("core/src/test/resources/tokenizer/families");

    @TempDir
    private Path folder;

    private Path write(Path model, int rows) {
        Path file = folder.resolve("model.gguf");
        var writer = new GgufWriter().text("general.architecture", "llama");
        GgufVocabulary.of(TokenizerFile.read(model), rows).write(writer, List.of());
        writer.write(file);
        return file;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gpt2",
                "gpt2-prefix-space",
                "opt",
                "phi",
                "qwen2",
                "gpt-neox",
                "starcoder",
                "falcon",
                "bloom",
                "gemma",
                "llama-legacy",
                "llama-no-prefix-space"
            })
    void comesBackAsItWas(String family) throws IOException {
        Path model = FAMILIES.resolve(family);
        Tokenizer expected = Tokenizer.open(model);
        Tokenizer found = Tokenizer.open(write(model, expected.vocabularySize() + 3));
        assertThat(found.bosId()).isEqualTo(expected.bosId());
        assertThat(found.eosId()).isEqualTo(expected.eosId());
        var texts = new ArrayList<>(List.of("", " ", "  a \n\n b", "it's 2026, THEY'LL", "日本語 😁 ñ"));
        for (JsonNode each : JsonMapper.shared().readTree(Files.readAllBytes(model.resolve("expected.json")))) {
            texts.add(each.get("text").asString());
        }
        for (String text : texts) {
            int[] ids = expected.encode(text);
            assertThat(found.encode(text)).as("\"%s\"", text).isEqualTo(ids);
            assertThat(found.encode(text, false)).as("\"%s\"", text).isEqualTo(expected.encode(text, false));
            assertThat(found.decode(ids, true)).as("\"%s\"", text).isEqualTo(expected.decode(ids, true));
        }
    }

    /** Published vocabularies on llama.cpp's test texts; they are not part of the project. */
    @ParameterizedTest
    @CsvSource("llama2,llama-spm")
    void publishedVocabulariesComeBackAsTheyWere(String name, String vectors) throws IOException {
        Path model = Files.createDirectory(folder.resolve("model"));
        Files.copy(Shared.path("data/tokenizers/" + name + ".tokenizer.json"), model.resolve("tokenizer.json"));
        Tokenizer expected = Tokenizer.open(model);
        Tokenizer found = Tokenizer.open(write(model, expected.vocabularySize()));
        String all = Files.readString(
                Shared.path("data/tokenizers/ggml-vocab-" + vectors + ".gguf.inp"), StandardCharsets.UTF_8);
        for (String text : all.split("\n__ggml_vocab_test__\n", -1)) {
            assertThat(found.encode(text)).as("\"%s\"", text).isEqualTo(expected.encode(text));
        }
    }

    /** SentencePiece's scores are not in a tokenizer.json: pieces are ranked by their merges. */
    @Test
    void aModelFileIsRankedByItsMerges() throws IOException {
        Fixtures.copy("bpe.model", folder);
        Files.move(folder.resolve("bpe.model"), folder.resolve("tokenizer.model"));
        Tokenizer expected = Tokenizer.open(folder);
        Tokenizer found = Tokenizer.open(write(folder, 700));
        for (JsonNode each : JsonMapper.shared().readTree(Fixtures.bytes("bpe.json"))) {
            String text = each.get("text").asString();
            assertThat(found.encode(text)).as("\"%s\"", text).isEqualTo(expected.encode(text));
        }
    }

    @Test
    void rowsWithoutATokenAreFilledAndEndsHavePlaces() {
        Path file = folder.resolve("model.gguf");
        var writer = new GgufWriter().text("general.architecture", "qwen2");
        GgufVocabulary vocabulary = GgufVocabulary.of(TokenizerFile.read(FAMILIES.resolve("qwen2")), 430);
        int own = vocabulary.id("eos_token").orElseThrow();
        vocabulary.write(writer, List.of(own, 7, 8));
        writer.write(file);
        try (GgufFile read = GgufFile.open(file)) {
            assertThat(read.metadata().texts(TokenKeys.TOKENS)).hasSize(430).endsWith("[PAD429]");
            assertThat(read.metadata().integers(TokenKeys.KINDS)).endsWith(5);
            assertThat(read.metadata().text(TokenKeys.PRE)).isEqualTo("qwen2");
            assertThat(read.metadata().integer(TokenKeys.END)).isEqualTo(own);
            assertThat(read.metadata().integer("tokenizer.ggml.eot_token_id")).isEqualTo(7);
            assertThat(read.metadata().integer("tokenizer.ggml.eom_token_id")).isEqualTo(8);
        }
        assertThat(vocabulary.remarks()).singleElement().asString().contains("composes characters");
    }

    @Test
    void whatHasNoPlaceIsSaid() throws IOException {
        TokenizerFile gpt2 = TokenizerFile.read(FAMILIES.resolve("gpt2"));
        assertThatThrownBy(() -> GgufVocabulary.of(gpt2, 100))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("is beyond the 100 rows of the model's embedding");
        Files.writeString(
                folder.resolve("tokenizer.json"),
                gpt2.json().replaceAll("\"use_regex\": ?true", "\"use_regex\":false"));
        assertThatThrownBy(() -> GgufVocabulary.of(TokenizerFile.read(folder), 500))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("tokenizer.json: its tokenizer cuts words in a way that llama.cpp has no name for");
        Files.delete(folder.resolve("tokenizer.json"));
        Fixtures.copy("unigram.model", folder);
        Files.move(folder.resolve("unigram.model"), folder.resolve("tokenizer.model"));
        assertThatThrownBy(() -> GgufVocabulary.of(TokenizerFile.read(folder), 700))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("of the kind Unigram is not written to GGUF files");
        assertThat(GgufVocabulary.of(TokenizerFile.read(FAMILIES.resolve("phi-3")), 700)
                        .remarks())
                .anyMatch(remark -> remark.contains("only; llama.cpp also"));
    }
}
