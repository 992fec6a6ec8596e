package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.Shared;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/** Tokenizers of well-known models on llama.cpp's test texts; the data is not part of the project. */
class PublishedVectorsTest {
    private static final String SEPARATOR = "\n__ggml_vocab_test__\n";

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"llama2,llama-spm", "llama3,llama-bpe", "phi-3,phi-3", "mpt-7b,mpt"})
    void encodesAsPublished(String name, String vectors) throws IOException {
        Files.copy(Shared.path("data/tokenizers/" + name + ".tokenizer.json"), folder.resolve("tokenizer.json"));
        agreesWith(vectors, Tokenizer.open(folder));
    }

    @Test
    void convertedSentencePieceModelEncodesAsPublished() throws IOException {
        Files.copy(Shared.path("data/tokenizers/llama2.tokenizer.model"), folder.resolve("tokenizer.model"));
        agreesWith("llama-spm", Tokenizer.open(folder));
    }

    @Test
    void convertedSentencePieceModelIsThePublishedTokenizer() throws IOException {
        Path own = Files.createDirectory(folder.resolve("own"));
        Path published = Files.createDirectory(folder.resolve("published"));
        Files.copy(Shared.path("data/tokenizers/llama2.tokenizer.model"), own.resolve("tokenizer.model"));
        Files.copy(Shared.path("data/tokenizers/llama2.tokenizer.json"), published.resolve("tokenizer.json"));
        Tokenizer converted = Tokenizer.open(own);
        Tokenizer expected = Tokenizer.open(published);
        assertThat(converted.vocabularySize()).isEqualTo(expected.vocabularySize());
        assertThat(converted.bosId()).hasValue(1);
        assertThat(converted.eosId()).hasValue(2);
        for (String text : texts("llama-spm")) {
            int[] ids = converted.encode(text);
            assertThat(ids).as(text).isEqualTo(expected.encode(text));
            assertThat(ids[0]).isEqualTo(1);
            assertThat(converted.decode(ids, true)).as(text).isEqualTo(text);
            assertThat(converted.decode(ids, false)).as(text).isEqualTo(expected.decode(ids, false));
        }
    }

    /** Phi-3 has Llama 2's model file, and more tokens, which take the white space behind them along. */
    @Test
    void convertedModelFileWithAddedTokensIsPhi3() throws IOException {
        Path own = Files.createDirectory(folder.resolve("own"));
        Path published = Files.createDirectory(folder.resolve("published"));
        Files.copy(Shared.path("data/tokenizers/llama2.tokenizer.model"), own.resolve("tokenizer.model"));
        Path file =
                Files.copy(Shared.path("data/tokenizers/phi-3.tokenizer.json"), published.resolve("tokenizer.json"));
        var config = JsonMapper.shared().createObjectNode();
        var added = config.putObject("added_tokens_decoder");
        JsonMapper.shared()
                .readTree(Files.readAllBytes(file))
                .get("added_tokens")
                .forEach(token -> added.set(token.get("id").asString(), token));
        Files.writeString(own.resolve("tokenizer_config.json"), config.toString());
        Tokenizer converted = Tokenizer.open(own);
        Tokenizer expected = Tokenizer.open(published);
        assertThat(converted.vocabularySize()).isEqualTo(expected.vocabularySize());
        for (String text : texts("phi-3")) {
            String turns = "<|user|>\n" + text + "<|end|>  \n<|assistant|> " + text;
            for (String each : List.of(text, turns)) {
                int[] ids = converted.encode(each, false);
                assertThat(ids).as(each).isEqualTo(expected.encode(each, false));
                assertThat(converted.decode(ids, true)).as(each).isEqualTo(expected.decode(ids, true));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"llama2,llama-spm", "llama3,llama-bpe", "phi-3,phi-3", "mpt-7b,mpt", "opt,mpt"})
    void piecesOfAStreamAreTheTextAndNeverSplitACharacter(String name, String vectors) throws IOException {
        Files.copy(Shared.path("data/tokenizers/" + name + ".tokenizer.json"), folder.resolve("tokenizer.json"));
        Tokenizer tokenizer = Tokenizer.open(folder);
        for (String text : texts(vectors)) {
            int[] ids = tokenizer.encode(text);
            TokenDecoder decoder = tokenizer.decoder();
            var streamed = new StringBuilder();
            for (int id : ids) {
                String piece = decoder.next(id);
                assertThat(piece).as(text).doesNotContain("\uFFFD");
                streamed.append(piece);
            }
            assertThat(decoder.flush()).as(text).isEmpty();
            assertThat(streamed).as(text).hasToString(tokenizer.decode(ids, true));
        }
    }

    private static void agreesWith(String vectors, Tokenizer tokenizer) throws IOException {
        List<String> texts = texts(vectors);
        List<String> lines = Files.readAllLines(Shared.path("data/tokenizers/ggml-vocab-" + vectors + ".gguf.out"));
        assertThat(texts).hasSizeGreaterThan(40);
        for (int i = 0; i < texts.size(); i++) {
            int[] expected = Arrays.stream(lines.get(i).trim().split(" "))
                    .filter(id -> !id.isEmpty())
                    .mapToInt(Integer::parseInt)
                    .toArray();
            assertThat(tokenizer.encode(texts.get(i), false)).as(texts.get(i)).isEqualTo(expected);
        }
        assertThat(IntStream.range(texts.size(), lines.size()).mapToObj(lines::get))
                .allMatch(String::isBlank);
    }

    private static List<String> texts(String vectors) throws IOException {
        String all = Files.readString(
                Shared.path("data/tokenizers/ggml-vocab-" + vectors + ".gguf.inp"), StandardCharsets.UTF_8);
        List<String> texts = Arrays.asList(all.split(SEPARATOR, -1));
        return texts.getLast().isEmpty() ? texts.subList(0, texts.size() - 1) : texts;
    }
}
