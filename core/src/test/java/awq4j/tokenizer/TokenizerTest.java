package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {
    private static final List<String> TEXTS = List.of(
            "",
            " ",
            "Once upon a time",
            "  two spaces  ",
            "\n\n\t",
            "naïve café",
            "日本語のテキスト",
            "😶‍🌫️ 😁😁",
            "a\u0000b",
            "\uFFFD real replacement character \uFFFD");

    @TempDir
    Path folder;

    @BeforeEach
    void copyModel() {
        Fixtures.copy("tokenizer.json", folder);
        Fixtures.copy("tokenizer_config.json", folder);
    }

    @Test
    void decodedTextIsTheEncodedOne() {
        Tokenizer tokenizer = Tokenizer.open(folder);
        for (String text : TEXTS) {
            assertThat(tokenizer.decode(tokenizer.encode(text), true)).isEqualTo(text);
            assertThat(tokenizer.decode(tokenizer.encode(text, false), false)).isEqualTo(text);
        }
    }

    @Test
    void specialTokensAreAddedOnlyOnDemand() {
        Tokenizer tokenizer = Tokenizer.open(folder);
        int[] with = tokenizer.encode("Once upon a time");
        assertThat(tokenizer.bosId()).hasValue(0);
        assertThat(tokenizer.eosId()).hasValue(1);
        assertThat(with).startsWith(0).endsWith(tokenizer.encode("Once upon a time", false));
        assertThat(tokenizer.decode(with, false)).isEqualTo("<|begin_of_text|>Once upon a time");
        assertThat(tokenizer.encode("<|end_of_text|>", false)).containsExactly(1);
        assertThat(tokenizer.isSpecial(1)).isTrue();
        assertThat(tokenizer.isSpecial(300)).isFalse();
        assertThat(tokenizer.token(1)).hasValue("<|end_of_text|>");
        assertThat(tokenizer.id("no such token")).isEmpty();
    }

    @Test
    void longTextsAreNotTruncated() {
        Tokenizer tokenizer = Tokenizer.open(folder);
        String text = "The dog ran to the park. ".repeat(4000);
        int[] ids = tokenizer.encode(text);
        assertThat(ids).hasSizeGreaterThan(20_000);
        assertThat(tokenizer.decode(ids, true)).isEqualTo(text);
    }

    @Test
    void truncationAndPaddingOfTheFileAreSwitchedOff() throws IOException {
        String json = Files.readString(folder.resolve("tokenizer.json"))
                .replaceFirst(
                        "\"truncation\": null",
                        "\"truncation\": {\"direction\": \"Right\", \"max_length\": 4, "
                                + "\"strategy\": \"LongestFirst\", \"stride\": 0}")
                .replaceFirst(
                        "\"padding\": null",
                        "\"padding\": {\"strategy\": {\"Fixed\": 20}, \"direction\": \"Right\", "
                                + "\"pad_to_multiple_of\": null, \"pad_id\": 2, \"pad_type_id\": 0, "
                                + "\"pad_token\": \"<|pad|>\"}");
        Tokenizer plain = Tokenizer.open(folder);
        Files.writeString(folder.resolve("tokenizer.json"), json);
        String text = "Once upon a time, there was a dog.";
        assertThat(Tokenizer.open(folder).encode(text)).isEqualTo(plain.encode(text));
    }

    @Test
    void halfASurrogatePairIsAReplacementCharacter() {
        Tokenizer tokenizer = Tokenizer.open(folder);
        assertThat(tokenizer.decode(tokenizer.encode("a\uD83Db"), true)).isEqualTo("a\uFFFDb");
    }

    @Test
    void idsWithoutATokenAreNothingAndNegativeOnesAreRefused() {
        Tokenizer tokenizer = Tokenizer.open(folder);
        int beyond = tokenizer.vocabularySize() + 5;
        assertThat(tokenizer.decode(new int[] {beyond}, true)).isEmpty();
        assertThatThrownBy(() -> tokenizer.decode(new int[] {3, -1}, true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("decode: token id -1 is negative");
        assertThatThrownBy(() -> tokenizer.decoder().next(-7)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void threadsMayShareOne() {
        Tokenizer tokenizer = Tokenizer.open(folder);
        List<String> decoded = IntStream.range(0, 200)
                .parallel()
                .mapToObj(i -> tokenizer.decode(tokenizer.encode("story number " + i), true))
                .toList();
        assertThat(decoded)
                .isEqualTo(IntStream.range(0, 200)
                        .mapToObj(i -> "story number " + i)
                        .toList());
    }

    @Test
    void missingTokenizerNamesWhatWasLookedFor() throws IOException {
        Files.delete(folder.resolve("tokenizer.json"));
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageStartingWith("no tokenizer in " + folder + ": looked for tokenizer.json, tokenizer.model");
    }

    @Test
    void everyTruncatedFileIsOneSentence() throws IOException {
        byte[] whole = Fixtures.bytes("tokenizer.json");
        for (int length = 0; length < whole.length; length += 7919) {
            Files.write(folder.resolve("tokenizer.json"), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Tokenizer.open(folder))
                    .as("%d bytes", length)
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageStartingWith("tokenizer.json")
                    .hasMessageNotContaining("\n");
        }
    }

    @Test
    void otherJsonIsOneSentence() throws IOException {
        refuses("[1, 2]", "tokenizer.json @ 0: expected a JSON object, found START_ARRAY");
        refuses("{}", "tokenizer.json: has no \"model.vocab\" and no \"added_tokens\"");
        refuses("{\"model\": {\"vocab\": {\"a\": -1}}}", "tokenizer.json: token \"a\" has id -1, expected 0 to ");
        refuses("{\"model\": {\"vocab\": {\"a\": \"b\"}}}", "tokenizer.json @ ");
        refuses("{\"model\": {\"type\": \"Nonsense\", \"vocab\": {\"a\": 0}}}", "tokenizer.json: not a tokenizer: ");
        refuses("{\"added_tokens\": [{\"id\": 3}]}", "tokenizer.json: an added token with id 3 has no \"content\"");
    }

    @Test
    void fileThatIsNotUtf8IsOneSentence() throws IOException {
        Files.write(folder.resolve("tokenizer.json"), new byte[] {'{', (byte) 0xFF, '}'});
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("tokenizer.json: not UTF-8");
    }

    private void refuses(String json, String message) throws IOException {
        Files.writeString(folder.resolve("tokenizer.json"), json);
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(message)
                .hasMessageNotContaining("\n");
    }

    @Test
    void tokensThatOnlyTheConfigurationKnowsAreAdded() throws IOException {
        int size = Tokenizer.open(folder).vocabularySize();
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"eos_token\": \"<|end_of_text|>\", \"pad_token\": \"the\", \"added_tokens_decoder\": {"
                        + "\"1\": {\"content\": \"<|end_of_text|>\", \"special\": false},"
                        + "\"9999\": {\"content\": \"<|tool|>\", \"special\": true, \"rstrip\": true}}}");
        Tokenizer tokenizer = Tokenizer.open(folder);
        assertThat(tokenizer.encode("<|tool|>  ", false)).containsExactly(size);
        assertThat(tokenizer.vocabularySize()).isEqualTo(size + 1);
        assertThat(tokenizer.isSpecial(1)).as("tokenizer.json goes first").isTrue();
        assertThat(tokenizer.isSpecial(tokenizer.id("the").orElseThrow()))
                .as("a token with a role is a marker")
                .isTrue();
    }

    @Test
    void rolesComeFromTheConfigurationThenTheMap() throws IOException {
        Files.writeString(
                folder.resolve("special_tokens_map.json"), "{\"bos_token\": \"<x>\", \"unk_token\": \"<u>\"}");
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"bos_token\": {\"content\": \"<b>\"}, \"eos_token\": null, \"add_bos_token\": true}");
        SpecialTokens tokens = SpecialTokens.read(folder);
        assertThat(tokens.bos()).hasValue("<b>");
        assertThat(tokens.eos()).isEmpty();
        assertThat(tokens.byRole()).containsEntry("unk_token", "<u>").hasSize(2);
    }

    @Test
    void libraryIsToldNotToReportAndNotToDownload() {
        Tokenizer.open(folder);
        assertThat(System.getProperty("OPT_OUT_TRACKING")).isEqualTo("true");
        assertThat(System.getProperty("ai.djl.offline")).isEqualTo("true");
        var untouched = new Properties();
        LibrarySettings.apply(untouched);
        assertThat(untouched).containsEntry("OPT_OUT_TRACKING", "true").containsEntry("ai.djl.offline", "true");
    }

    @Test
    void settingsOfTheUserAreKept() {
        var properties = new Properties();
        properties.setProperty("OPT_OUT_TRACKING", "false");
        properties.setProperty("ai.djl.offline", "false");
        LibrarySettings.apply(properties);
        assertThat(properties).containsEntry("OPT_OUT_TRACKING", "false").containsEntry("ai.djl.offline", "false");
    }
}
