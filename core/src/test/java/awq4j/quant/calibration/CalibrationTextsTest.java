package awq4j.quant.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.quant.calibration.CalibrationTexts.Text;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CalibrationTextsTest {
    @TempDir
    private Path folder;

    @Test
    void theBuiltinSetIsMixedAndLargeEnough() {
        var builtin = CalibrationTexts.builtin();
        assertThat(builtin.texts()).hasSizeGreaterThan(Calibration.DEFAULT_SAMPLES);
        assertThat(builtin.texts()).allSatisfy(text -> assertThat(text.text()).isNotBlank());
        assertThat(builtin.texts().stream()
                        .mapToInt(text -> text.text().length())
                        .sum())
                .isGreaterThan(150_000);
        // one token a character: even then there is text for the shortest sequences
        var calibration = Calibration.of(builtin, text -> text.chars().toArray(), 8, 64, 1);
        assertThat(calibration.provenance().skipped()).isZero();
        assertThat(builtin.sha256()).matches("[0-9a-f]{64}");
    }

    @Test
    void plainTextIsCutAtLinesAndNothingIsLost() throws IOException {
        String line = "Some words of one line.\n";
        String content = line.repeat(100) + "x".repeat(5000) + " end\n";
        var texts = CalibrationTexts.read(Files.writeString(folder.resolve("book.txt"), content), "text");
        assertThat(texts.texts()).hasSizeBetween(5, 8).allMatch(Text::passage);
        assertThat(texts.texts().getFirst().text()).isEqualTo(line.repeat(42));
        String joined = texts.texts().stream().map(Text::text).collect(Collectors.joining());
        assertThat(joined.replace("\n", "")).isEqualTo(content.replace("\n", ""));
    }

    @Test
    void jsonLinesGiveTheFieldAsked() throws IOException {
        Path file = Files.writeString(
                folder.resolve("a.jsonl"), "{\"text\":\"t\",\"body\":\"one\"}\n\n{\"body\":\"two\\nlines\"}\n");
        assertThat(CalibrationTexts.read(file, "body").texts())
                .containsExactly(new Text("one", false), new Text("two\nlines", false));
        assertThatThrownBy(() -> CalibrationTexts.read(file, "text"))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("a.jsonl: line 3 has no text in field \"text\"; it has body");
        Path broken = Files.writeString(folder.resolve("b.jsonl"), "{\"text\":\n");
        assertThatThrownBy(() -> CalibrationTexts.read(broken, "text"))
                .hasMessageStartingWith("b.jsonl: line 1 is not JSON");
    }

    @Test
    void foldersAreReadInTheOrderOfPaths() throws IOException {
        Files.createDirectories(folder.resolve("b"));
        Files.writeString(folder.resolve("b/z.txt"), "last");
        Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"first\"}");
        Files.writeString(folder.resolve("picture.png"), "no text");
        assertThat(CalibrationTexts.read(folder, "text").texts())
                .containsExactly(new Text("first", false), new Text("last\n", true));
    }

    @Test
    void whatIsNoTextIsRefused() throws IOException {
        assertThatThrownBy(() -> CalibrationTexts.read(folder, "text"))
                .hasMessage(
                        "folder " + folder + " has no calibration text: expected .txt, .md, .jsonl or .ndjson files");
        Path binary = Files.write(folder.resolve("a.txt"), new byte[] {(byte) 0xff, 0});
        assertThatThrownBy(() -> CalibrationTexts.read(binary, "text"))
                .hasMessage("a.txt: expected calibration text in UTF-8, found other bytes");
        assertThatThrownBy(() -> CalibrationTexts.read(folder.resolve("none.txt"), "text"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("none.txt");
    }
}
