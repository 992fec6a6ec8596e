package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.chat.ChatTemplates;
import awq4j.chat.Message;
import awq4j.chat.PromptOptions;
import awq4j.format.MalformedFileException;
import awq4j.format.Mutations;
import awq4j.format.UnsupportedModelException;
import awq4j.testing.GgufTokenizers;
import awq4j.testing.RawGguf;
import awq4j.testing.Repository;
import awq4j.testing.Shared;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A vocabulary in a GGUF file gives the ids of the same vocabulary in a {@code tokenizer.json}. */
class GgufTokenizerTest {
    private static final Path FIXTURES = Repository.root().resolve("core/src/test/resources/tokenizer");

    /** Spaces, digits, signs, other scripts, emoji, line ends, and English endings in both cases. */
    private static final List<String> TEXTS = List.of(
            "",
            " ",
            "   ",
            "\n\n \n",
            "Hello world",
            " Hello  world ",
            "it's THEY'LL we've",
            "3.14159 and 1000000",
            "日本語 ¿qué? naïve",
            "😁😁\tok",
            "e\u0301te\u0301",
            "foo(bar[1]) != {};");

    /** Of some hundred tokens: a tree of JSON, its text, and what the engine makes of it. */
    private static final long VOCABULARY_BYTES = 8 << 20;

    @TempDir
    private Path folder;

    private Tokenizer open(RawGguf raw) {
        return Tokenizer.open(raw.write(folder.resolve("model.gguf")));
    }

    private static RawGguf raw(String architecture) {
        return new RawGguf().text("general.architecture", architecture);
    }

    @ParameterizedTest
    @CsvSource({"gpt2,gpt-2", "qwen2,qwen2", "gpt-neox,mpt", "starcoder,refact", "falcon,falcon", "bloom,bloom"})
    void bytesAndMergesGiveTheIdsOfTheFolder(String family, String pre) throws IOException {
        agrees(family, GgufTokenizers.bytes(raw("llama"), json(family), pre));
    }

    @ParameterizedTest
    @CsvSource({"llama-legacy,true", "gemma,false", "llama-no-prefix-space,false"})
    void piecesGiveTheIdsOfTheFolder(String family, boolean prefixSpace) throws IOException {
        var raw = GgufTokenizers.pieces(raw("llama"), json(family));
        agrees(family, raw.flag("tokenizer.ggml.add_space_prefix", prefixSpace));
    }

    private void agrees(String family, RawGguf raw) throws IOException {
        Tokenizer expected = Tokenizer.open(FIXTURES.resolve("families").resolve(family));
        int[] around = expected.encode("a");
        int[] plain = expected.encode("a", false);
        boolean begins = around.length > 0 && around[0] != plain[0];
        boolean ends = around.length > 0 && around[around.length - 1] != plain[plain.length - 1];
        GgufTokenizers.role(raw, "bos", expected.bosId());
        GgufTokenizers.role(raw, "eos", expected.eosId());
        raw.flag("tokenizer.ggml.add_bos_token", begins).flag("tokenizer.ggml.add_eos_token", ends);
        Tokenizer tokenizer = open(raw);
        assertThat(tokenizer.bosId()).isEqualTo(expected.bosId());
        assertThat(tokenizer.eosId()).isEqualTo(expected.eosId());
        List<String> texts = new ArrayList<>(TEXTS);
        for (JsonNode each : JsonMapper.shared()
                .readTree(Files.readAllBytes(FIXTURES.resolve("families/" + family + "/expected.json")))) {
            texts.add(each.get("text").asString());
        }
        for (String text : texts) {
            int[] ids = expected.encode(text);
            assertThat(tokenizer.encode(text)).as("\"%s\"", text).isEqualTo(ids);
            assertThat(tokenizer.encode(text, false)).as("\"%s\"", text).isEqualTo(expected.encode(text, false));
            assertThat(tokenizer.decode(ids, true)).as("\"%s\"", text).isEqualTo(expected.decode(ids, true));
        }
    }

    private static Path json(String family) {
        return FIXTURES.resolve("families").resolve(family).resolve("tokenizer.json");
    }

    /** The vocabularies that llama.cpp's own test texts belong to; they are not part of the project. */
    @ParameterizedTest
    @CsvSource({"llama2,llama-spm,''", "llama3,llama-bpe,llama-bpe", "mpt-7b,mpt,mpt", "phi-3,phi-3,''"})
    void encodesAsLlamaCppPublishes(String name, String vectors, String pre) throws IOException {
        Path json = Shared.path("data/tokenizers/" + name + ".tokenizer.json");
        var raw = raw(name.equals("phi-3") ? "phi3" : "llama");
        Tokenizer tokenizer =
                open(pre.isEmpty() ? GgufTokenizers.pieces(raw, json) : GgufTokenizers.bytes(raw, json, pre));
        String all = Files.readString(
                Shared.path("data/tokenizers/ggml-vocab-" + vectors + ".gguf.inp"), StandardCharsets.UTF_8);
        List<String> texts = Arrays.asList(all.split("\n__ggml_vocab_test__\n", -1));
        List<String> lines = Files.readAllLines(Shared.path("data/tokenizers/ggml-vocab-" + vectors + ".gguf.out"));
        int count = texts.getLast().isEmpty() ? texts.size() - 1 : texts.size();
        assertThat(count).isGreaterThan(40);
        for (int i = 0; i < count; i++) {
            int[] expected = Arrays.stream(lines.get(i).trim().split(" "))
                    .filter(id -> !id.isEmpty())
                    .mapToInt(Integer::parseInt)
                    .toArray();
            assertThat(tokenizer.encode(texts.get(i), false)).as(texts.get(i)).isEqualTo(expected);
        }
    }

    /** The demo model's tokenizer begins a text; a file that says nothing of it goes by its kind of vocabulary. */
    @Test
    void aTextBeginsAsTheFileOrItsKindSays() {
        Path demo = FIXTURES.resolve("tokenizer.json");
        assertThat(open(bytes(demo, "gpt-2")).encode("a")).hasSize(1);
        assertThat(open(bytes(demo, "llama-bpe")).encode("a")).hasSize(2).startsWith(0);
        assertThat(open(bytes(demo, "llama-bpe").flag("tokenizer.ggml.add_bos_token", false))
                        .encode("a"))
                .hasSize(1);
        assertThat(open(bytes(demo, "gpt-2")
                                .flag("tokenizer.ggml.add_bos_token", true)
                                .flag("tokenizer.ggml.add_eos_token", true))
                        .encode("a"))
                .hasSize(3)
                .startsWith(0)
                .endsWith(1);
        var pieces = GgufTokenizers.pieces(raw("llama"), json("llama"));
        assertThat(open(pieces.number("tokenizer.ggml.bos_token_id", 1)).encode("a"))
                .startsWith(1);
    }

    private static RawGguf bytes(Path json, String pre) {
        return GgufTokenizers.bytes(raw("llama"), json, pre)
                .number("tokenizer.ggml.bos_token_id", 0)
                .number("tokenizer.ggml.eos_token_id", 1);
    }

    /** Unigram's scores are those of SentencePiece itself; the model trained with them says what they give. */
    @Test
    void wholeCutsGoByTheirScores() throws IOException {
        var pieces = new ArrayList<String>();
        var scores = new ArrayList<Float>();
        JsonNode model = JsonMapper.shared()
                .readTree(awq4j.tokenizer.sentencepiece.SentencePieceConversion.of(FIXTURES.resolve("unigram.model"))
                        .json());
        model.path("model").path("vocab").forEach(piece -> {
            pieces.add(piece.get(0).asString());
            scores.add((float) piece.get(1).asDouble());
        });
        float[] numbers = new float[scores.size()];
        int[] kinds = new int[scores.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = scores.get(i);
            kinds[i] = i == 0 ? 2 : i < 3 ? 3 : i == 3 ? 4 : pieces.get(i).startsWith("<0x") ? 6 : 1;
        }
        var raw = raw("t5")
                .text("tokenizer.ggml.model", "t5")
                .texts("tokenizer.ggml.tokens", pieces)
                .reals("tokenizer.ggml.scores", numbers)
                .numbers("tokenizer.ggml.token_type", kinds)
                .number("tokenizer.ggml.unknown_token_id", 0)
                .number("tokenizer.ggml.eos_token_id", 2);
        Tokenizer tokenizer = open(raw);
        for (JsonNode expected : JsonMapper.shared().readTree(Fixtures.bytes("unigram.json"))) {
            assertThat(tokenizer.encode(expected.get("text").asString(), false))
                    .isEqualTo(expected.get("ids")
                            .valueStream()
                            .mapToInt(JsonNode::asInt)
                            .toArray());
        }
    }

    @Test
    void templatesAndRolesComeFromTheFile() {
        Path file = bytes(FIXTURES.resolve("tokenizer.json"), "gpt-2")
                .text("tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}")
                .text("tokenizer.chat_template.tool_use", "tools")
                .write(folder.resolve("model.gguf"));
        ChatTemplates templates = ChatTemplates.read(file).orElseThrow();
        assertThat(templates.byName()).containsOnlyKeys("default", "tool_use");
        assertThat(templates.render(List.of(Message.user("hi")), PromptOptions.forAnswer()))
                .isEqualTo("<|begin_of_text|>hi<|end_of_text|>");
        assertThat(SpecialTokens.read(file).byRole())
                .containsEntry("bos_token", "<|begin_of_text|>")
                .containsEntry("eos_token", "<|end_of_text|>");
        Path bare = raw("llama").write(folder.resolve("bare.gguf"));
        assertThat(ChatTemplates.read(bare)).isEmpty();
        assertThat(SpecialTokens.read(bare).byRole()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "llama-legacy"})
    void damagedVocabulariesAreReadOrRefused(String family) {
        boolean bytes = family.equals("gpt2");
        RawGguf raw = bytes
                ? GgufTokenizers.bytes(raw("llama"), json(family), "gpt-2")
                : GgufTokenizers.pieces(raw("llama"), json(family)).number("tokenizer.ggml.bos_token_id", 1);
        Mutations.Outcome outcome = Mutations.of(raw.bytes(), 20261126)
                .allocating(VOCABULARY_BYTES)
                .read(
                        1000,
                        folder.resolve("m.gguf"),
                        path -> Tokenizer.open(path).encode("Once upon a time, 3 <s>"));
        assertThat(outcome.malformed()).isGreaterThan(100);
        assertThat(outcome.accepted()).isGreaterThan(100);
    }

    @Test
    void whatIsNotSupportedIsSaid() {
        assertThatThrownBy(() -> open(raw("llama")))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageStartingWith("model.gguf: has no tokenizer (\"tokenizer.ggml.model\"");
        assertThatThrownBy(() -> open(
                        raw("llama").text("tokenizer.ggml.model", "rwkv").texts("tokenizer.ggml.tokens", List.of("a"))))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(
                        "model.gguf: its tokenizer is of the kind \"rwkv\", which is not supported; supported: llama,"
                                + " gpt2, t5");
        Path demo = FIXTURES.resolve("tokenizer.json");
        assertThatThrownBy(() -> open(bytes(demo, "deepseek-coder")))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(
                        "cuts words as \"deepseek-coder\", which is not supported (\"tokenizer.ggml.pre\");"
                                + " supported: bloom, codeshell");
        assertThatThrownBy(() -> open(bytes(demo, "default")))
                .hasMessageContaining("does not say how its tokenizer cuts words");
    }

    @Test
    void whatContradictsItselfIsRefused() {
        var ids = List.of("<unk>", "<s>", "a");
        var raw = raw("llama").text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", ids);
        raw.reals("tokenizer.ggml.scores", 0, 0).numbers("tokenizer.ggml.token_type", 2, 3, 1);
        assertThatThrownBy(() -> open(raw))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("\"tokenizer.ggml.scores\" should be an array of 3, as many as there are tokens");
        Path demo = FIXTURES.resolve("tokenizer.json");
        assertThatThrownBy(() -> open(
                        GgufTokenizers.bytes(raw("llama"), demo, "gpt-2").number("tokenizer.ggml.bos_token_id", 5000)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining(
                        "\"tokenizer.ggml.bos_token_id\" should be the id of a token, below 4096, is 5000");
        var merges = raw("llama")
                .text("tokenizer.ggml.model", "gpt2")
                .text("tokenizer.ggml.pre", "gpt-2")
                .texts("tokenizer.ggml.tokens", List.of("a", "b"))
                .texts("tokenizer.ggml.merges", List.of("a b"));
        assertThatThrownBy(() -> open(merges))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("\"tokenizer.ggml.merges\" has \"a b\", expected two tokens that make a third");
    }
}
