package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Config;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.testing.GgufModels;
import awq4j.testing.GgufModels.BlockType;
import awq4j.testing.GgufTokenizers;
import awq4j.testing.RawGguf;
import awq4j.testing.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A GGUF file wherever a model is asked for; the demo model in its folder says what it should give. */
class GgufCommandsTest {
    private static final Path DEMO = TinyModels.demo();

    @TempDir
    private Path folder;

    private static RawGguf demo(BlockType type) {
        var raw = GgufModels.of(DEMO, type);
        return GgufTokenizers.bytes(raw, DEMO.resolve("tokenizer.json"), "gpt-2")
                .number("tokenizer.ggml.bos_token_id", 0)
                .number("tokenizer.ggml.eos_token_id", 1)
                .flag("tokenizer.ggml.add_bos_token", true);
    }

    private Path write(BlockType type) {
        return demo(type).write(folder.resolve("demo." + type + ".gguf"));
    }

    @Test
    void floatsRunAsTheirFolderDoes() throws IOException {
        Path file = write(BlockType.F16);
        Object[] run = {"run", DEMO, "--raw", "--prompt", "Once upon", "--max-tokens", 8, "--temperature", 0, "--quiet"
        };
        String expected = Program.run(run).out();
        Path text = folder.resolve("text.txt");
        Files.writeString(text, "Once upon a time there was a king who had a daughter. ".repeat(9));
        Object[] eval = {"eval", "perplexity", DEMO, "--text", text, "--window", 64};
        String perplexity = Program.run(eval).out().lines().findFirst().orElseThrow();
        for (Path model : new Path[] {file, folder}) { // it is the only one of its folder
            run[1] = model;
            eval[2] = model;
            assertThat(Program.run(run).out()).isEqualTo(expected).isNotBlank();
            assertThat(Program.run(eval).out().lines().findFirst()).hasValue(perplexity);
        }
        var chat = Program.run("run", file, "--chat", "--prompt", "Hello");
        assertThat(chat.code()).isEqualTo(1);
        assertThat(chat.err()).contains(file + " has no chat template");
        Path json = folder.resolve("speed.json");
        var bench = Program.run(
                "bench", file, "--prompt", 8, "--generate", 4, "--runs", 1, "--read-region", 4, "--json", json);
        assertThat(bench.code()).as(bench.toString()).isZero();
        assertThat(Config.read(json).json().at("/results/0/precision").asString())
                .isEqualTo("f16");
        assertThat(Program.run("bench", file, "--random").err()).contains("takes the shape from a config.json");
    }

    @Test
    void quantizingFloatsGivesWhatTheFolderGives() throws IOException {
        Path file = write(BlockType.F16);
        Path own = folder.resolve("own");
        Path expected = folder.resolve("expected");
        for (Object[] each : new Object[][] {{file, own}, {DEMO, expected}}) {
            var program = Program.run("quantize", each[0], "--out", each[1], "--method", "rtn", "--group-size", 64);
            assertThat(program.code()).as(program.toString()).isZero();
        }
        try (var found = SafetensorsFile.open(own.resolve("model.safetensors"));
                var meant = SafetensorsFile.open(expected.resolve("model.safetensors"))) {
            assertThat(found.names()).containsExactlyInAnyOrderElementsOf(meant.names());
            for (String name : meant.names()) {
                assertThat(found.tensor(name).data().mismatch(meant.tensor(name).data()))
                        .as(name)
                        .isEqualTo(-1);
            }
        }
        Object[] run = {"run", own, "--prompt", "Once upon", "--max-tokens", 6, "--temperature", 0, "--quiet"};
        String reply = Program.run(run).out();
        run[1] = expected;
        assertThat(Program.run(run).out()).isEqualTo(reply).isNotBlank();
    }

    @Test
    void codesAreInspectedAndPacked() {
        Path file = write(BlockType.Q4_0);
        var inspected = Program.run("inspect", file, "--tensors");
        assertThat(inspected.code()).as(inspected.toString()).isZero();
        assertThat(inspected.out())
                .contains(
                        "demo.q4_0.gguf",
                        "architecture    LlamaForCausalLM",
                        "quantization    gguf, 4 bits, groups of 32, symmetric, packed as Q4_0",
                        "  packed        42 of 42 linears; output projection packed",
                        "tokenizer       demo.q4_0.gguf, 4,096 tokens",
                        "blk.5.ffn_down.weight")
                .doesNotContain("cannot run", "note ");
        assertThat(inspected.out().lines()).anyMatch(line -> line.matches("parameters +6\\.16 M"));

        Object[] run = {"run", file, "--prompt", "Once upon", "--max-tokens", 8, "--temperature", 0, "--quiet"};
        String expected = Program.run(run).out();
        assertThat(Program.run("convert", file, "--packed").err()).contains("give a folder for the packed model");
        Path own = folder.resolve("own");
        var converted = Program.run("convert", file, "--packed", "--output", own);
        assertThat(converted.code()).as(converted.toString()).isZero();
        run[1] = own;
        assertThat(Program.run(run).out()).isEqualTo(expected).isNotBlank();
        assertThat(Program.run("quantize", file, "--out", folder.resolve("q"), "--method", "rtn")
                        .err())
                .contains("is quantized already (gguf, 4 bits)");
    }

    @Test
    void aFolderBecomesAFile() {
        Path file = folder.resolve("demo.gguf");
        var refused = Program.run("convert", DEMO, file, "--to", "gguf-q8_0");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).contains("plain F16, rounded to Q8_0", "--lossy accepts that");
        assertThat(file).doesNotExist();
        var converted = Program.run("convert", DEMO, file, "--to", "gguf-q8_0", "--lossy");
        assertThat(converted.code()).as(converted.toString()).isZero();
        assertThat(converted.out()).startsWith("wrote " + file + ": 43 matrices of codes");
        Object[] run = {"run", file, "--prompt", "Once upon", "--max-tokens", 8, "--temperature", 0, "--quiet"};
        String reply = Program.run(run).out();
        run[1] = DEMO;
        assertThat(Program.run(run).out()).isEqualTo(reply).isNotBlank();
        assertThat(Program.run("convert", DEMO, file, "--to", "gguf-f16").err()).contains("exists; give another name");
        assertThat(Program.run("convert", DEMO, folder, "--to", "gguf-f16").err())
                .contains("ends with .gguf");
    }

    @Test
    void aFileBecomesAFolder() {
        Path file = write(BlockType.F16);
        Path own = folder.resolve("own");
        var converted = Program.run("convert", file, own, "--to", "safetensors-f16");
        assertThat(converted.code()).as(converted.toString()).isZero();
        assertThat(own.resolve("tokenizer.json")).exists();
        Object[] run = {"run", own, "--prompt", "Once upon", "--max-tokens", 8, "--temperature", 0, "--quiet"};
        String reply = Program.run(run).out();
        run[1] = DEMO;
        assertThat(Program.run(run).out()).isEqualTo(reply).isNotBlank();
    }

    @Test
    void whatIsWrongIsOneSentence() throws IOException {
        byte[] whole = demo(BlockType.Q4_0).bytes();
        Path file = folder.resolve("m.gguf");
        Files.write(file, Arrays.copyOf(whole, whole.length - 100_000));
        assertRefused(file, "m.gguf @ ", "of the data on, file has ");
        Files.write(file, Arrays.copyOf(whole, 1000));
        assertRefused(file, "m.gguf @ ", "file has ");
        Files.writeString(file, "PK\u0003\u0004 not such a file at all");
        assertRefused(file, "m.gguf @ 0: expected a GGUF file, which begins with \"GGUF\"", "");
        new RawGguf().text("general.architecture", "rwkv7").write(file);
        assertRefused(file, "m.gguf: architecture \"rwkv7\" is not supported; supported in GGUF files: llama", "");
        var inspected = Program.run("inspect", file);
        assertThat(inspected.code()).as(inspected.toString()).isZero();
        assertThat(inspected.out().replaceAll("\\s+", " ")).contains("cannot run m.gguf: architecture \"rwkv7\"");
        GgufModels.of(DEMO, BlockType.F16).write(file);
        assertRefused(file, "m.gguf: has no tokenizer", "");
    }

    private static void assertRefused(Path model, String start, String part) {
        var program = Program.run("run", model, "--prompt", "a");
        assertThat(program.code()).isEqualTo(1);
        assertThat(program.err()).startsWith("awq4j: " + start).contains(part).hasLineCount(1);
    }
}
