package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.demo.DemoModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EvalCommandTest {
    @TempDir
    private static Path folder;

    private static Path model;
    private static Path text;

    @BeforeAll
    static void unpack() throws IOException {
        model = DemoModel.unpack(folder.resolve("model"));
        text = Files.writeString(
                folder.resolve("text.txt"), DemoModel.heldOut().substring(0, 1500), StandardCharsets.UTF_8);
    }

    @Test
    void perplexityStatesItsProtocolAndWritesTheSameToJson() throws IOException {
        Path file = folder.resolve("perplexity.json");
        var program = Program.run(
                "eval", "perplexity", model, "--text", text, "--window", 64, "--limit-windows", 3, "--json", file);
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.err()).isEmpty();
        JsonNode json = json(file);
        assertThat(json.get("windows").asInt()).isEqualTo(3);
        assertThat(json.get("window").asInt()).isEqualTo(64);
        assertThat(json.get("predictions").asInt()).isEqualTo(3 * 63);
        assertThat(Math.exp(json.get("loss").asDouble()))
                .isCloseTo(json.get("perplexity").asDouble(), within(1e-9));
        int tokens = json.get("text_tokens").asInt();
        assertThat(program.out().lines())
                .hasSize(5)
                .anyMatch(line -> line.startsWith("perplexity   "
                        + Figures.fixed(json.get("perplexity").asDouble(), 2).substring(0, 2)))
                .contains("text         text.txt, " + tokens + " tokens")
                .contains("protocol     first 3 of " + tokens / 64 + " windows of 64 tokens, each read by itself")
                .contains("             189 predictions, " + (tokens - 3 * 64) + " tokens not used")
                .allMatch(line -> line.length() <= Screen.WIDTH);
    }

    @Test
    void aSingleWindowHasNoErrorAndNullInJson() throws IOException {
        Path file = folder.resolve("single.json");
        var program = Program.run(
                "eval", "perplexity", model, "--text", text, "--window", 32, "--limit-windows", 1, "--json", file);
        assertThat(program.out()).doesNotContain("±").doesNotContain("NaN");
        assertThat(json(file).get("perplexity_standard_error").isNull()).isTrue();
    }

    @Test
    void theDefaultWindowIsLoweredToTheContextWithARemark() {
        var program = Program.run("eval", "perplexity", model, "--text", text);
        assertThat(program.code()).as(program.toString()).isOne();
        assertThat(program.err().lines())
                .hasSize(2)
                .first()
                .isEqualTo("The model's context is 512 tokens: windows of that instead of 2048.");
        assertThat(program.err()).contains("tokens, expected at least one window of 512: take a longer text");
    }

    @Test
    void aWindowBeyondTheContextIsRefused() {
        var program = Program.run("eval", "perplexity", model, "--text", text, "--window", 1024);
        assertThat(program.code()).isOne();
        assertThat(program.err())
                .isEqualToIgnoringNewLines("awq4j: --window 1024 is longer than the model's context of 512 tokens; ask"
                        + " for at most that, or leave it out");
    }

    @Test
    void compareWithItselfFindsNoDifference() throws IOException {
        Path file = folder.resolve("compare.json");
        var program = Program.run(
                "eval", "compare", model, model, "--text", text, "--window", 64, "--limit-windows", 2, "--json", file);
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out())
                .contains("divergence   0.0000 ± 0.0000 nats a token")
                .contains("agreement    100.00 ± 0.00 %");
        JsonNode json = json(file);
        assertThat(json.get("kl").asDouble()).isZero();
        assertThat(json.get("agreement").asDouble()).isEqualTo(1);
        assertThat(json.get("a").get("perplexity")).isEqualTo(json.get("b").get("perplexity"));
    }

    @Test
    void wrongInputIsOneSentence() throws IOException {
        Path latin = Files.write(folder.resolve("latin.txt"), new byte[] {'a', (byte) 0xE9});
        assertThat(Program.run("eval", "perplexity", model, "--text", latin).err())
                .isEqualToIgnoringNewLines("awq4j: latin.txt @ 1: expected UTF-8 text, found byte 0xE9");
        Path missing = folder.resolve("missing.txt");
        assertThat(Program.run("eval", "perplexity", model, "--text", missing).err())
                .isEqualToIgnoringNewLines("awq4j: no such file: " + missing);
        var usage = Program.run("eval", "perplexity", model, "--text", text, "--window", 1);
        assertThat(usage.code()).isEqualTo(2);
        assertThat(usage.err()).contains("--window must be 2 or more, was 1");
        assertThat(Program.run("eval", "compare", model, "--text", text).code()).isEqualTo(2);
    }

    @Test
    void evalAloneShowsItsMeasures() {
        var program = Program.run("eval");
        assertThat(program.code()).isZero();
        assertThat(program.out()).contains("perplexity", "compare");
    }

    private static JsonNode json(Path file) {
        return JsonMapper.builder().build().readTree(file.toFile());
    }
}
