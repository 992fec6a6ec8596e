package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.demo.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class StudyCommandTest {
    @TempDir
    private Path folder;

    private Path calibration;
    private Path html;
    private Path json;

    @BeforeEach
    void writeText() throws IOException {
        // enough for the study's least number of sequences, not for the next: three points
        calibration = Files.writeString(
                folder.resolve("notes.txt"), DemoModel.calibration().substring(0, 6_500));
        html = folder.resolve("study.html");
        json = folder.resolve("study.json");
    }

    private Object[] study(Object... more) {
        var words = new ArrayList<Object>(
                List.of("study", "calibration-size", "demo", "--calibration", calibration, "--limit-windows", 2));
        words.addAll(List.of("--window", 48, "--search-tokens", 128, "--html", html));
        words.addAll(Arrays.asList(more));
        return words.toArray();
    }

    @Test
    void aStudyIsOnePageAndItsNumbers() throws IOException {
        var program = Program.run(study("--json", json));
        assertThat(program.code()).as(program.toString()).isZero();
        JsonNode result = JsonMapper.builder().build().readTree(json.toFile());
        assertThat(result.path("rows")
                        .valueStream()
                        .map(row -> row.path("labels").path("method").asString()))
                .containsExactly("RTN", "AWQ", "GPTQ");
        for (JsonNode row : result.path("rows")) {
            assertThat(row.path("numbers").path("kl").path(0).asDouble()).isPositive();
            assertThat(row.path("numbers").path("kl").path(1).asDouble()).isPositive();
            assertThat(row.path("numbers").path("sequences").path(0).asDouble()).isEqualTo(8);
        }
        assertThat(result.path("settings").path("model sha256").asString()).matches("[0-9a-f]{64}");
        assertThat(result.path("command").asString()).startsWith("awq4j study calibration-size demo --calibration ");
        assertThat(program.out().lines())
                .anyMatch(line -> line.startsWith("Calibration size: demo"))
                .anyMatch(line -> line.startsWith("GPTQ"));

        String page = Files.readString(html);
        String own = page.replaceFirst("(?s)<script>\\s*/\\*.*?</script>", "");
        assertThat(own.length()).as("without the library").isLessThan(page.length() - 500_000);
        assertThat(own).doesNotContain("http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "import ");
        assertThat(own).contains("<title>Calibration size: demo</title>", "\"kl\":[");
        assertThat(folder).isDirectoryNotContaining(file -> file.toString().endsWith(".partial"));
    }

    @Test
    void anInterruptedStudyIsContinuedBehindThePointsThatAreFinished() throws Exception {
        var first = Program.interruptedAt("1 of 3", study());
        assertThat(first.code()).isEqualTo(130);
        assertThat(first.err())
                .contains("1 of 3 points are kept; the same command continues behind them")
                .endsWith("awq4j: interrupted\n");
        Path kept = folder.resolve(".study.html.partial");
        assertThat(kept).isRegularFile();
        assertThat(html).doesNotExist();
        List<String> lines = Files.readAllLines(kept);
        assertThat(lines).hasSize(2);
        // a process that dies while it writes leaves half a line
        Files.writeString(kept, String.join("\n", lines) + "\n{\"point\":{\"met");

        var other = Program.run(study("--seed", 5));
        assertThat(other.code()).isOne();
        assertThat(other.err())
                .contains(kept + " holds an unfinished study with other settings (seed was 42, is 5)", "--restart");

        var second = Program.run(study("--json", json));
        assertThat(second.code()).as(second.toString()).isZero();
        assertThat(second.err()).contains("continuing an interrupted study: 1 of 3 points are finished");
        assertThat(kept).doesNotExist();
        JsonNode continued =
                JsonMapper.builder().build().readTree(json.toFile()).path("rows");

        var whole = Program.run(study("--json", json));
        assertThat(whole.err()).doesNotContain("continuing");
        assertThat(JsonMapper.builder().build().readTree(json.toFile()).path("rows"))
                .isEqualTo(continued);
    }

    @Test
    void theListSaysWhatStudiesFindOut() {
        var program = Program.run("study", "--list");
        assertThat(program.code()).isZero();
        assertThat(program.out().lines())
                .anyMatch(line -> line.startsWith("methods "))
                .anyMatch(line -> line.startsWith("domain-shift "));
    }

    @Test
    void wrongInputIsAnsweredInOneLineBeforeAnyWork() throws IOException {
        assertThat(Program.run("study").code()).isEqualTo(2);
        assertThat(Program.run("study", "methods").err()).contains("give the NAME of a study and a MODEL");
        assertThat(Program.run(study("--samples", 0)).code()).isEqualTo(2);
        assertThat(Program.run(study("--other-text", calibration)).err()).contains("give both or none");
        failsWith("there is no study method; did you mean methods?", "study", "method", "demo");
        failsWith("there is no study xyzzy: there are methods, ", "study", "xyzzy", "demo");
        failsWith("there is no folder " + folder.resolve("none"), "study", "methods", folder.resolve("none"));
        failsWith("there is no folder " + folder.resolve("none"), study("--json", folder.resolve("none/a.json")));
        failsWith("it is a folder", "study", "methods", "demo", "--html", folder);
        Path brief = Files.writeString(folder.resolve("brief.txt"), "Once upon a time");
        failsWith("expected at least one window of 48", study("--text", brief));
        failsWith("no such file: " + folder.resolve("none.txt"), study("--text", folder.resolve("none.txt")));
        failsWith(
                "a window of 513 tokens is longer than the model's context of 512",
                "study",
                "methods",
                "demo",
                "--window",
                513,
                "--html",
                html);
        Files.writeString(calibration, "A short note.");
        failsWith("is too little", study());
        Files.writeString(folder.resolve(".study.html.partial"), "something else\n");
        failsWith("is not the work file of an unfinished study", study());
        assertThat(html).doesNotExist();
    }

    private static void failsWith(String words, Object... command) {
        var program = Program.run(command);
        assertThat(program.code()).as(program.toString()).isOne();
        assertThat(program.err().strip().lines().toList().getLast())
                .startsWith("awq4j: ")
                .contains(words);
    }
}
