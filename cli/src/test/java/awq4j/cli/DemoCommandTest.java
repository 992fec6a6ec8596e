package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.demo.DemoModel;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class DemoCommandTest {
    @TempDir
    private Path folder;

    @Test
    void awqIsCloserToTheOriginalThanPlainRoundingAtBothWidths() {
        Path file = folder.resolve("demo.json");
        Path kept = folder.resolve("kept");
        var program = Program.run("demo", "--quick", "--json", file, "--keep", kept);
        assertThat(program.code()).as(program.toString()).isZero();

        JsonNode json = JsonMapper.builder().build().readTree(file.toFile());
        assertThat(json.propertyNames()).containsExactly("fp16", "rtn4", "awq4", "rtn3", "awq3");
        for (int bits : new int[] {4, 3}) {
            assertThat(json.get("awq" + bits).get("kl").asDouble())
                    .as("KL at %d bits", bits)
                    .isPositive()
                    .isLessThan(json.get("rtn" + bits).get("kl").asDouble());
        }
        for (String key : new String[] {"rtn4", "awq4", "rtn3", "awq3"}) {
            JsonNode model = json.get(key);
            assertThat(model.propertyNames()).contains("ppl", "kl", "bytes", "decode_tps", "quantize_seconds");
            assertThat(model.get("ppl").asDouble()).isBetween(2.0, 1000.0);
            assertThat(model.get("decode_tps").asDouble()).isPositive();
            assertThat(model.get("bytes").asLong())
                    .isLessThan(json.get("fp16").get("bytes").asLong() / 2);
            assertThat(kept.resolve(key).resolve("quantization_report.json")).isRegularFile();
        }
        assertThat(json.get("fp16").get("kl").asDouble()).isZero();
        assertThat(json.get("rtn3").get("kl").asDouble())
                .isGreaterThan(json.get("rtn4").get("kl").asDouble());

        assertThat(program.out().lines())
                .anyMatch(line -> line.startsWith("FP16"))
                .anyMatch(line -> line.startsWith("AWQ INT3"))
                .anyMatch(line -> line.startsWith("At 4 bits plain rounding (RTN) is "))
                .anyMatch(line -> line.contains("A story by AWQ INT4"))
                .anyMatch(line -> line.startsWith("Once upon a time"))
                .allMatch(line -> line.length() <= Screen.WIDTH);
        assertThat(program.err().lines())
                .allMatch(
                        line -> line.length() <= Screen.WIDTH + kept.toString().length());
        assertThat(kept.resolve("heldout.txt")).isRegularFile();
        assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file) && !path.equals(kept));
    }

    @Test
    void anInterruptionEndsItWithCode130AndNothingIsLeft() throws InterruptedException {
        var program = Program.interruptedAt("", "demo", "--quick", "--keep", folder.resolve("kept"));
        assertThat(program.code()).isEqualTo(130);
        assertThat(program.err()).endsWith("awq4j: interrupted\n");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void whatCannotBeWrittenIsRefusedBeforeAnyWork() throws IOException {
        var exists = Program.run("demo", "--keep", DemoModel.unpack(folder.resolve("mine")));
        assertThat(exists.code()).isOne();
        assertThat(exists.err()).isEqualToIgnoringNewLines("awq4j: " + folder.resolve("mine") + " exists already");
        var json = Program.run("demo", "--json", folder.resolve("missing/demo.json"));
        assertThat(json.code()).isOne();
        assertThat(json.err()).contains("there is no folder " + folder.resolve("missing"));
    }
}
