package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.demo.DemoModel;
import awq4j.eval.speed.SpeedWatch;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchCommandTest {
    private static final String CONFIG = """
            {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 64, "intermediate_size": 160,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96,
             "max_position_embeddings": 64}
            """;

    @TempDir
    private Path folder;

    @Test
    void severalConfigurationsGiveARowEach() throws IOException {
        Path file = folder.resolve("speed.json");
        var program = run("--threads", "1,2", "--precision", "w4a8", "--json", file);
        assertThat(program.code()).as(program.toString()).isZero();
        JsonNode json = json(file);
        assertThat(json.path("machine").propertyNames())
                .contains("awq4j", "commit", "jdk", "cpu", "cores", "vector_bits", "date");
        JsonNode results = json.path("results");
        assertThat(results.size()).isEqualTo(2);
        for (int i = 0; i < 2; i++) {
            JsonNode row = results.get(i);
            assertThat(row.path("shape").asString()).isEqualTo("tiny");
            assertThat(row.path("precision").asString()).isEqualTo("w4a8");
            assertThat(row.path("threads").asInt()).isEqualTo(i + 1);
            for (String key : new String[] {
                "load_s",
                "prefill_tps",
                "decode_tps",
                "ttft_ms",
                "peak_rss_mb",
                "read_gbps",
                "decode_bandwidth_share",
                "fma_gflops",
                "int16_gops",
                "prefill_fma_share"
            }) {
                assertThat(row.path(key).asDouble()).as(key).isPositive().isFinite();
            }
            assertThat(row.path("alloc_bytes_per_token").isNumber()).isTrue();
            assertThat(row.path("gc_ms").isIntegralNumber()).isTrue();
        }
        assertThat(program.out().lines())
                .allMatch(line -> line.length() <= Screen.WIDTH + 1)
                .anyMatch(line -> line.startsWith("w4a8             1"))
                .anyMatch(line -> line.startsWith("w4a8             2"))
                .first()
                .isEqualTo("tiny, random weights, 4-bit ones in groups of 32");
        assertThat(program.err())
                .contains("tiny in w4a8, 1 thread: loading", "tiny in w4a8, 2 threads: run 1 of 1")
                .doesNotContain("LOAD");
    }

    @Test
    void aPlainModelIsMeasuredInItsOwnType() throws IOException {
        Path model = DemoModel.unpack(folder.resolve("model"));
        Path file = folder.resolve("plain.json");
        var program = Program.run(
                "bench",
                model,
                "--prompt",
                8,
                "--generate",
                4,
                "--runs",
                1,
                "--threads",
                1,
                "--read-region",
                4,
                "--json",
                file);
        assertThat(program.code()).as(program.toString()).isZero();
        JsonNode row = json(file).path("results").path(0);
        assertThat(row.path("weights").asString()).isEqualTo("file");
        assertThat(row.path("group_size").asInt()).isZero();
        assertThat(program.out()).contains("\n" + row.path("precision").asString() + " ");
        var quantized = Program.run("bench", model, "--precision", "w4a8", "--prompt", 8);
        assertThat(quantized.code()).isOne();
        assertThat(quantized.err())
                .containsPattern("holds plain b?f\\d+ weights, which cannot be measured in w4a8;"
                        + " for random weights in its shape add --random");
    }

    @Test
    void aChildSaysItsStepsAndWritesItsRow() throws IOException {
        Path file = folder.resolve("row.json");
        var program = run("--kernels", "scalar", "--kv", "f32", "--group-size", -1, "--child", "--json", file);
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out().lines()).isNotEmpty().allMatch(line -> line.matches("[A-Z_]+ \\d+"));
        assertThat(json(file).path("results").path(0).path("backend").asString())
                .contains("scalar");
    }

    @Test
    void whatAChildComplainsOfIsTheFailure() {
        var interruption = new Interruption();
        var screen = new Screen(
                InputStream.nullInputStream(),
                new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
                new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
                false,
                false);
        var child = new BenchChild(screen, interruption);
        assertThatThrownBy(() -> child.run(List.of("bench", "--shape", "tinylama"), SpeedWatch.NONE))
                .isInstanceOf(Refusal.class)
                .hasMessageStartingWith("shape tinylama is neither one that is known");
    }

    @Test
    void wrongUsageIsToldBeforeAnythingIsMade() throws IOException {
        assertThat(Program.run("bench").err()).contains("expected a MODEL or --shape, found neither");
        assertThat(Program.run("bench", "x", "--shape", "llama-2-7b").err()).contains("found both");
        assertThat(run("--group-size", 0).err()).contains("--group-size must be positive, or -1 for whole rows, was 0");
        assertThat(run("--threads", "1,-1").err()).contains("--threads must be in [0, 1024], was -1");
        assertThat(run("--generate", 0).err()).contains("--generate must be positive, was 0");
        for (String option : List.of("--runs", "--read-region")) {
            assertThat(Program.run("bench", "--shape", "llama-2-7b", option, 0).err())
                    .contains(option + " must be positive, was 0");
            assertThat(Program.run("bench", "roofline", option, 0).err()).contains(option + " must be positive, was 0");
        }
        assertThat(run("--precision", "int4").err()).contains("'--precision' (TYPE)");
        assertThat(Program.run("bench", "--shape", "tinylama").err())
                .contains("shape tinylama is neither one that is known (tinyllama-1.1b, ");
        assertThat(run("--prompt", 64).err())
                .contains("prompt and reply take 69 positions, the context of tiny has 64: ask for fewer");
        Path missing = folder.resolve("missing/speed.json");
        assertThat(run("--json", missing).err()).contains("there is no folder " + missing.getParent());
    }

    @Test
    void aModelTooLargeIsRefusedWithNumbers() throws IOException {
        Path huge = folder.resolve("huge.json");
        Files.writeString(
                huge,
                CONFIG.replace("\"hidden_size\": 64", "\"hidden_size\": 1048576")
                        .replace("\"intermediate_size\": 160", "\"intermediate_size\": 4194304"));
        var program = Program.run("bench", "--shape", huge, "--precision", "bf16", "--prompt", 8, "--generate", 4);
        assertThat(program.code()).isOne();
        assertThat(program.err())
                .containsPattern("huge in bf16 takes about [0-9.]+ TiB of memory, [0-9.]+ [MG]iB of [0-9.]+ [MGT]iB are"
                        + " free: choose a smaller shape");
    }

    private Program run(Object... arguments) throws IOException {
        Path shape = Files.writeString(folder.resolve("tiny.json"), CONFIG);
        var all = new ArrayList<Object>(List.of("bench", "--shape", shape));
        var defaults =
                List.<Object>of("--group-size", 32, "--prompt", 8, "--generate", 4, "--runs", 1, "--read-region", 4);
        for (int i = 0; i < defaults.size(); i += 2) {
            if (!List.of(arguments).contains(defaults.get(i))) {
                all.addAll(defaults.subList(i, i + 2));
            }
        }
        all.addAll(List.of(arguments));
        return Program.run(all.toArray());
    }

    private static JsonNode json(Path file) {
        return JsonMapper.builder().build().readTree(file.toFile());
    }
}
