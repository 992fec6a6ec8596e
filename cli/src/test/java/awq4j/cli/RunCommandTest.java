package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Config;
import awq4j.testing.TinyModels;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunCommandTest {
    private static final Path MODEL = TinyModels.demo();

    @Test
    void theReplyGoesOutAndTheFiguresBesideIt(@TempDir Path folder) {
        Path json = folder.resolve("run.json");
        var program = Program.run(
                "run",
                MODEL,
                "--prompt",
                "Once upon a time",
                "--temperature",
                "0",
                "--max-tokens",
                "6",
                "--json",
                json,
                "--logprobs",
                "2");
        assertThat(program.code()).as(program.toString()).isZero();
        Config result = Config.read(json);
        assertThat(program.out()).isEqualTo(result.text("text") + System.lineSeparator());
        assertThat(program.err())
                .matches(
                        "prompt \\d+ tokens, .* tokens/s; reply 6 tokens, .* tokens/s; first token after .* s; stopped at"
                                + " --max-tokens\\R");
        assertThat(result.text("prompt")).isEqualTo("Once upon a time");
        assertThat(result.text("finish")).isEqualTo("max_tokens");
        assertThat(result.integer("reply_tokens")).isEqualTo(6);
        assertThat(result.json().get("tokens")).hasSize(6);
        assertThat(result.json().get("logprobs")).hasSize(6);
        assertThat(result.json().get("logprobs").get(0).get("top")).hasSize(2);
        assertThat(result.number("decode_tps")).isPositive();
    }

    @Test
    void beamsFindTheLikeliestReply(@TempDir Path folder) {
        Path json = folder.resolve("run.json");
        var program = Program.run(
                "run",
                MODEL,
                "-p",
                "Once",
                "--beams",
                "3",
                "--length-penalty",
                "0",
                "--max-tokens",
                "5",
                "--json",
                json,
                "--logprobs",
                "0");
        assertThat(program.code()).as(program.toString()).isZero();
        Config found = Config.read(json);
        assertThat(program.out()).isEqualTo(found.text("text") + System.lineSeparator());
        Path greedy = folder.resolve("greedy.json");
        Program.run(
                "run",
                MODEL,
                "-p",
                "Once",
                "--temperature",
                "0",
                "--max-tokens",
                "5",
                "--json",
                greedy,
                "--logprobs",
                "0");
        assertThat(probability(found)).isGreaterThanOrEqualTo(probability(Config.read(greedy)) - 1e-4);
    }

    private static double probability(Config reply) {
        return reply.json()
                .get("logprobs")
                .valueStream()
                .mapToDouble(token -> token.get("logprob").asDouble())
                .sum();
    }

    @Test
    void standardInputIsAPromptToo() {
        var typed =
                Program.run("run", MODEL, "--prompt", "The cat", "--temperature", "0", "--max-tokens", "4", "--quiet");
        var piped = Program.runWithInput(
                "The cat\n", "run", MODEL, "--prompt", "-", "--temperature", "0", "--max-tokens", "4", "--quiet");
        assertThat(piped.code()).isZero();
        assertThat(piped.out()).isEqualTo(typed.out());
        assertThat(piped.err()).isEmpty();
    }

    @Test
    void aSeedAndStopTextsAreHeeded() {
        var first = Program.run("run", MODEL, "-p", "Once", "--seed", "7", "--max-tokens", "8", "-q");
        var second = Program.run("run", MODEL, "-p", "Once", "--seed", "7", "--max-tokens", "8", "-q");
        assertThat(first.code()).isZero();
        assertThat(second.out()).isEqualTo(first.out());
        String stop = first.out().strip().substring(3, 6);
        var stopped = Program.run("run", MODEL, "-p", "Once", "--seed", "7", "--max-tokens", "8", "--stop", stop);
        assertThat(stopped.out()).doesNotContain(stop);
        assertThat(stopped.err()).contains("a stop text came");
    }

    @Test
    void anInterruptionStopsTheReplyAndHasItsOwnCode() throws InterruptedException {
        var interruption = new Interruption();
        var signal = Thread.ofPlatform().unstarted(interruption::arrive);
        var err = new ByteArrayOutputStream();
        var out = new ByteArrayOutputStream() {
            @Override
            public synchronized void write(byte[] bytes, int from, int length) {
                super.write(bytes, from, length);
                if (signal.getState() == Thread.State.NEW) {
                    signal.start();
                }
                while (!interruption.requested()) {
                    Thread.onSpinWait();
                }
            }
        };
        var screen = new Screen(
                InputStream.nullInputStream(),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                false,
                false);
        int code = Main.execute(screen, interruption, "run", MODEL.toString(), "-p", "Once", "--seed", "1");
        interruption.finish();
        signal.join();
        assertThat(code).isEqualTo(130);
        assertThat(out.toString(StandardCharsets.UTF_8))
                .as("what there is stays")
                .isNotBlank();
        assertThat(err.toString(StandardCharsets.UTF_8))
                .matches("prompt (?s).* reply \\d+ tokens?.*; interrupted\\Rawq4j: interrupted\\R");
    }

    @Test
    void moreContextThanTheModelWasMadeForIsRemarkedOn() {
        var program = Program.run("run", MODEL, "-p", "Once", "--max-tokens", "1", "--context", "100000", "-q");
        assertThat(program.code()).isZero();
        assertThat(program.err())
                .matches("awq4j: --context 100000 is more than the \\d+ tokens the model was made for; beyond them its"
                        + " replies get worse\\R");
    }

    @Test
    void numbersAreLookedAtBeforeTheModelIs() {
        Path absent = Path.of("absent");
        wrong("top-k must be 0 (all) or more, was -1", "run", absent, "-p", "a", "--top-k", "-1");
        wrong("--context must not be negative, was -1", "chat", absent, "--context", "-1");
    }

    @Test
    void wrongUsageIsOneSentenceEach() {
        wrong("--prompt is empty", "run", MODEL, "--prompt", " ");
        wrong("standard input has no prompt", "run", MODEL, "--prompt", "-");
        wrong("temperature must be 0 (greedy) or more, was -1.0", "run", MODEL, "-p", "a", "--temperature", "-1");
        wrong("top-p must be in [0, 1], was 2.0", "run", MODEL, "-p", "a", "--top-p", "2");
        wrong("max tokens must be 1 or more, was 0", "run", MODEL, "-p", "a", "--max-tokens", "0");
        wrong("--context must not be negative, was -4", "run", MODEL, "-p", "a", "--context", "-4");
        wrong("--threads must be in [0, 1024], was -1", "run", MODEL, "-p", "a", "--threads", "-1");
        wrong("--logprobs goes with --json FILE", "run", MODEL, "-p", "a", "--logprobs", "1");
        wrong("beams must be in [1, 1000], was 0", "run", MODEL, "-p", "a", "--beams", "0");
        wrong("--length-penalty goes with --beams N", "run", MODEL, "-p", "a", "--length-penalty", "1");
        wrong(
                "--top-k does not go with --beams, which draws no tokens",
                "run",
                MODEL,
                "-p",
                "a",
                "--beams",
                "2",
                "--top-k",
                "3");
        wrong("invalid value for option '--seed'", "run", MODEL, "-p", "a", "--seed", "x");
        wrong("missing required parameter: 'MODEL'", "run", "-p", "a");
    }

    @Test
    void failuresAreOneSentenceEach(@TempDir Path folder) throws Exception {
        failed("there is no folder " + folder.resolve("absent"), "run", folder.resolve("absent"), "-p", "a");
        Path tiny = TinyModels.golden("llama_gqa", folder);
        failed(
                "the prompt has 9 tokens and the context holds 9, which leaves none for a reply: shorten the prompt, or"
                        + " open the model with a longer context",
                "run",
                tiny,
                "-p",
                "nine byte",
                "--context",
                "9");
        java.nio.file.Files.delete(tiny.resolve("tokenizer.json"));
        failed("no tokenizer in " + tiny, "run", tiny, "-p", "a");
    }

    private static void wrong(String complaint, Object... arguments) {
        check(2, complaint, arguments);
    }

    private static void failed(String complaint, Object... arguments) {
        check(1, complaint, arguments);
    }

    private static void check(int code, String complaint, Object... arguments) {
        var program = Program.run(arguments);
        assertThat(program.code()).as(program.toString()).isEqualTo(code);
        assertThat(program.err()).startsWith("awq4j: " + complaint);
        assertThat(program.out()).isEmpty();
    }
}
