package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigTest {
    @TempDir
    private Path folder;

    @Test
    void valuesAreReadByTheirType() {
        Config config = config("{'i':7,'whole':32.0,'d':1e-5,'t':true,'s':'é','l':['a','b'],'o':{'k':1},'n':null}");
        assertThat(config.integer("i")).isEqualTo(7);
        assertThat(config.integer("whole")).isEqualTo(32);
        assertThat(config.number("d")).isEqualTo(1e-5);
        assertThat(config.flag("t", false)).isTrue();
        assertThat(config.text("s")).isEqualTo("é");
        assertThat(config.texts("l")).containsExactly("a", "b");
        assertThat(config.section("o").orElseThrow().integer("k")).isEqualTo(1);
    }

    @Test
    void nullCountsAsAbsent() {
        Config config = config("{'n':null}");
        assertThat(config.has("n")).isFalse();
        assertThat(config.integer("n", 3)).isEqualTo(3);
        assertThat(config.number("n", 0.5)).isEqualTo(0.5);
        assertThat(config.text("n", "x")).isEqualTo("x");
        assertThat(config.flag("n", true)).isTrue();
        assertThat(config.texts("n")).isEmpty();
        assertThat(config.section("n")).isEmpty();
        assertThat(config.positive("n", 10, 4)).isEqualTo(4);
    }

    @Test
    void anotherTypeIsNamedWithItsKey() {
        wrong("{'k':'7'}", c -> c.integer("k"), "\"k\" should be an integer, is \"7\"");
        wrong("{'k':7.5}", c -> c.integer("k"), "\"k\" should be an integer, is 7.5");
        wrong("{'k':2147483648}", c -> c.integer("k"), "\"k\" should be an integer, is 2147483648");
        wrong("{'k':1e999}", c -> c.integer("k"), "\"k\" should be an integer, is ");
        wrong("{'k':0}", c -> c.positive("k"), "\"k\" should be a positive integer, is 0");
        wrong("{'k':11}", c -> c.positive("k", 10), "\"k\" should be an integer from 1 to 10, is 11");
        wrong("{'k':true}", c -> c.number("k"), "\"k\" should be a number, is true");
        wrong("{'k':NaN}", c -> c.number("k"), "\"k\" should be a number, is \"NaN\"");
        wrong("{'k':-Infinity}", c -> c.integer("k"), "\"k\" should be an integer, is ");
        wrong("{'k':1}", c -> c.flag("k", false), "\"k\" should be true or false, is 1");
        wrong("{'k':[]}", c -> c.text("k"), "\"k\" should be a string, is []");
        wrong("{'k':['a',1]}", c -> c.texts("k"), "\"k\" should be a list of strings, is 1");
        wrong("{'k':'a'}", c -> c.texts("k"), "\"k\" should be a list of strings, is \"a\"");
        wrong("{'k':[]}", c -> c.section("k"), "\"k\" should be an object, is []");
        wrong("{}", c -> c.integer("k"), "has no \"k\"");
        wrong("{'o':{}}", c -> c.section("o").orElseThrow().text("k"), "has no \"o.k\"");
        wrong("{'k':'" + "x".repeat(999) + "'}", c -> c.number("k"), "\"" + "x".repeat(59) + "...");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[1,2]|c.json: expected a JSON object, found a list",
                "null|c.json: expected a JSON object, found null",
                "'   '|c.json: expected a JSON object, found nothing",
                "{\"a\":1|c.json @ 6: not JSON: it ends too early",
                "{\"a\":1}{|c.json @ 7: not JSON: it goes on behind its end",
                "<html>|c.json @ 0: not JSON: Unexpected character ('<'",
                "{\"a\":nil}|c.json @ 5: not JSON: Unrecognized token 'nil'",
            })
    void whatIsNoObjectIsRefused(String text, String message) throws IOException {
        Path file = Files.writeString(folder.resolve("c.json"), text);
        assertThatThrownBy(() -> Config.read(file))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(message)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n", "REDACTED", "`"));
    }

    @Test
    void aMissingOrEmptyFileIsNamed() throws IOException {
        assertThatThrownBy(() -> Config.read(folder.resolve("c.json")))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("c.json: no such file in " + folder);
        Path file = Files.createFile(folder.resolve("c.json"));
        assertThatThrownBy(() -> Config.read(file)).hasMessage("c.json @ 0: expected a JSON object, file is empty");
    }

    @Test
    void deepNestingIsRefused() throws IOException {
        Path file = Files.writeString(folder.resolve("c.json"), "{\"a\":" + "[".repeat(100_000));
        assertThatThrownBy(() -> Config.read(file))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("nesting depth");
    }

    @Test
    void aFileOfAbsurdSizeIsNotRead() throws IOException {
        Path path = folder.resolve("c.json");
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(20L << 30);
        }
        assertThatThrownBy(() -> Config.read(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("c.json: has 21474836480 bytes; at most 50000000 bytes of JSON are read");
    }

    private Config config(String json) {
        try {
            return Config.read(
                    Files.writeString(folder.resolve("c.json"), json.replace('\'', '"'), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void wrong(String json, Consumer<Config> use, String message) {
        Config config = config(json);
        assertThatThrownBy(() -> use.accept(config))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("c.json: ")
                .hasMessageContaining(message);
    }
}
