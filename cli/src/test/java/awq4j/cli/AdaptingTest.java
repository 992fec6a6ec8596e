package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.Adaptation;
import awq4j.quant.AdaptiveModel.Change;
import awq4j.testing.TinyModels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models that are quantized while they run. */
class AdaptingTest {
    private static final Path MODEL = TinyModels.demo();

    @Test
    void runSaysWhatWasSearchedAgain() {
        var program = Program.run(
                "run",
                MODEL,
                "--prompt",
                "Once upon a time",
                "--max-tokens",
                "4",
                "--adaptive",
                "--adaptive-bits",
                "3",
                "--adaptive-threshold",
                "0");
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out()).isNotBlank();
        assertThat(program.err().lines())
                .filteredOn(line -> line.startsWith("awq4j:"))
                .singleElement()
                .asString()
                .matches(
                        "awq4j: the prompt's activations moved \\(by 0\\.\\d\\d at most\\): scales of \\d+ of 24 inputs in"
                                + " 6 blocks searched again in \\d+ ms");
    }

    @Test
    void chatAdaptsToo() {
        var program = Program.runWithInput(
                "The cat\n",
                "chat",
                MODEL,
                "--max-tokens",
                "4",
                "--adaptive",
                "--adaptive-threshold",
                "0",
                "--adaptive-half-life",
                "100",
                "--adaptive-memory",
                "0");
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.err()).contains("searched again in");
    }

    @Test
    void aModelThatIsQuantizedIsRefused(@TempDir Path folder) {
        Path out = folder.resolve("q");
        Program.run(
                "quantize",
                TinyModels.golden("llama_gqa", folder),
                "--out",
                out,
                "--method",
                "rtn",
                "--group-size",
                32);
        var program = Program.run("run", out, "--prompt", "Once", "--adaptive");
        assertThat(program.code()).isOne();
        assertThat(program.err())
                .isEqualToNormalizingNewlines(
                        "awq4j: " + out + " is quantized already; adapting derives scales from the"
                                + " original, so give the model in float16, bfloat16 or float32\n");
    }

    @Test
    void groupsThatFitNothingAreRefused() {
        var program = Program.run("run", MODEL, "--prompt", "Once", "--adaptive", "--adaptive-group", 100);
        assertThat(program.code()).isOne();
        assertThat(program.err())
                .isEqualToNormalizingNewlines(
                        "awq4j: no linear of the model divides into groups of 100; choose a smaller group size\n");
    }

    @Test
    void numbersThatMakeNoSenseAreWrongUsage() {
        var outside = Program.run("run", MODEL, "--prompt", "Once", "--adaptive", "--adaptive-threshold", 2);
        assertThat(outside.code()).isEqualTo(2);
        assertThat(outside.err()).contains("--adaptive: threshold must be from 0 to 1, was 2.0");
        var alone = Program.run("run", MODEL, "--prompt", "Once", "--adaptive-bits", 3);
        assertThat(alone.code()).isEqualTo(2);
        assertThat(alone.err())
                .contains("--adaptive-bits, -group, -threshold, -half-life and -memory go with --adaptive");
        var beams = Program.run("run", MODEL, "--prompt", "Once", "--adaptive", "--beams", 2);
        assertThat(beams.code()).isEqualTo(2);
        assertThat(beams.err()).contains("--adaptive adapts between a prompt and its reply");
    }

    @Test
    void wordsCountBlocksOnce() {
        var adaptation = new Adaptation(
                List.of(
                        new Change(1, List.of("a"), 0.0612),
                        new Change(1, List.of("b"), 0.0789),
                        new Change(3, List.of("c"), 0.0512)),
                24,
                Duration.ofNanos(12_600_000));
        assertThat(AdaptingOptions.words(adaptation))
                .isEqualTo("the prompt's activations moved (by 0.08 at most): scales of 3 of 24 inputs in 2 blocks"
                        + " searched again in 13 ms");
    }
}
