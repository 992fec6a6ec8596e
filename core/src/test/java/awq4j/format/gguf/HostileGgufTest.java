package awq4j.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.Mutations;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.RawGguf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that lie. Each is answered by one sentence that names the file and the byte. */
class HostileGgufTest {
    private static final long HUGE = Long.MAX_VALUE;

    @TempDir
    private Path folder;

    static Stream<Arguments> lies() {
        return Stream.of(
                lie(new RawGguf().promising(1, 0), "@ 8: 1 tensors are promised, file has room for at most 0"),
                lie(new RawGguf().promising(HUGE, 0), "@ 8: 9223372036854775807 tensors are promised"),
                lie(new RawGguf().promising(-1, 0), "@ 8: 18446744073709551615 tensors are promised"),
                lie(new RawGguf().promising(0, 4), "@ 16: 4 keys are promised, file has room for at most"),
                lie(new RawGguf().promising(0, -2), "keys are promised, file has room for at most"),
                lie(new RawGguf().text("", "x"), "@ 24: a key is empty"),
                lie(new RawGguf().text("k".repeat(65536), "x"), "a key takes 65536 bytes; at most 65535 are read"),
                lie(new RawGguf().number("a", 1).number("a", 2), "key \"a\" stands twice"),
                lie(new RawGguf().raw("a", 13, new byte[8]), "@ 33: \"a\" has type 13, expected 0 to 12"),
                lie(new RawGguf().raw("a", -1, new byte[8]), "\"a\" has type 4294967295"),
                lie(new RawGguf().raw("a", RawGguf.BOOL, new byte[] {2}), "\"a\" should be 0 or 1, is 2"),
                lie(new RawGguf().array("a", RawGguf.BOOL, 2, new byte[] {1, 7}), "\"a\" should be 0 or 1, is 7"),
                lie(
                        new RawGguf().raw("a", RawGguf.STRING, RawGguf.longs(HUGE)),
                        "\"a\" takes 9223372036854775807 bytes, file has"),
                lie(
                        new RawGguf().raw("a", RawGguf.STRING, RawGguf.longs(-1)),
                        "\"a\" takes 18446744073709551615 bytes, file has"),
                lie(
                        new RawGguf().array("a", RawGguf.FLOAT64, HUGE / 8 + 1, new byte[64]),
                        "elements of \"a\" are promised, file has room for at most"),
                lie(
                        new RawGguf().array("a", RawGguf.STRING, 1 << 30, new byte[64]),
                        "1073741824 elements of \"a\" are promised, file has room for at most"),
                lie(
                        new RawGguf().array("a", RawGguf.STRING, 3, RawGguf.longs(0, 0, 99)),
                        "\"a\" takes 99 bytes, file has"),
                lie(new RawGguf().number("general.alignment", 48), "should be a power of two, is 48"),
                lie(new RawGguf().number("general.alignment", 0), "should be a power of two, is 0"),
                lie(new RawGguf().text("general.alignment", "32"), "should be a whole number, is of type string"),
                lie(new RawGguf().info("", 0, 0, 1), "a tensor's name is empty"),
                lie(new RawGguf().info("n".repeat(2000), 0, 0, 1), "a tensor's name takes 2000 bytes"),
                lie(new RawGguf().info("a", 0, 0, 1, 1, 1, 1, 1), "tensor a has 5 extents, expected 1 to 4"),
                lie(new RawGguf().info("a", 0, 0, 0), "tensor a has an extent of 0, expected 1"),
                lie(new RawGguf().info("a", 0, 0, -5), "tensor a has an extent of 18446744073709551611"),
                lie(new RawGguf().info("a", 0, 0, 1 << 20), "tensor a takes 4194304 bytes from byte 0 of the data on"),
                lie(new RawGguf().info("a", 0, 0, HUGE, HUGE), "exceeds 2^63 bytes"),
                lie(new RawGguf().info("a", 28, 0, HUGE / 4), "exceeds 2^63 bytes"),
                lie(
                        new RawGguf().floats("a", new float[8], 8).info("b", 0, HUGE - 31, 1),
                        "tensor b takes 4 bytes from byte 9223372036854775776 of the data on, file has 32"),
                lie(new RawGguf().info("a", 0, -32, 1), "tensor a begins at byte 18446744073709551584 of the data"),
                lie(
                        new RawGguf().floats("a", new float[8], 8).info("b", 0, 4, 1),
                        "tensor b begins at byte 4 of the data, expected a multiple of 32"),
                lie(
                        new RawGguf().tensor("a", 2, new byte[36], 48),
                        "has rows of 48 elements, Q4_0 needs a multiple of 32"),
                lie(
                        new RawGguf().floats("a", new float[9], 9).floats("a", new float[8], 8),
                        "tensor a is listed twice"),
                lie(
                        new RawGguf().floats("a", new float[16], 16).info("b", 0, 32, 8),
                        "tensor b overlaps tensor a, which ends at byte"));
    }

    private static Arguments lie(RawGguf raw, String message) {
        return Arguments.of(raw, message);
    }

    @ParameterizedTest
    @MethodSource("lies")
    void headersThatLieAreRefused(RawGguf raw, String message) {
        Path path = raw.write(folder.resolve("a.gguf"));
        assertThatThrownBy(() -> GgufFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("a.gguf @ ")
                .hasMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400).doesNotContain("\n"));
    }

    @Test
    void arraysOfArraysAreNotRead() {
        var raw = new RawGguf().array("a", RawGguf.ARRAY, 1, new byte[12]);
        assertThatThrownBy(() -> GgufFile.open(raw.write(folder.resolve("a.gguf"))))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("\"a\" is an array of arrays");
    }

    @Test
    void textThatIsNotUtf8IsNamedWhenItIsAskedFor() {
        byte[] text = RawGguf.string("abc");
        text[9] = (byte) 0xff;
        var raw = new RawGguf().raw("a", RawGguf.STRING, text).array("b", RawGguf.STRING, 1, text);
        try (GgufFile file = GgufFile.open(raw.write(folder.resolve("a.gguf")))) {
            assertThatThrownBy(() -> file.metadata().text("a"))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessage("a.gguf @ 45: \"a\" is not UTF-8");
            assertThatThrownBy(() -> file.metadata().texts("b")).hasMessageContaining("\"b\" is not UTF-8");
        }
    }

    private static RawGguf good() {
        return new RawGguf()
                .text("general.architecture", "llama")
                .number("llama.block_count", 2)
                .real("llama.rope.freq_base", 1e4f)
                .flag("tokenizer.ggml.add_bos_token", true)
                .texts("tokenizer.ggml.tokens", List.of("<unk>", "a", "b"))
                .reals("tokenizer.ggml.scores", 0, -1, -2)
                .numbers("tokenizer.ggml.token_type", 2, 1, 1)
                .floats("output_norm.weight", new float[9], 9)
                .halves("token_embd.weight", new float[40], 8, 5)
                .tensor("output.weight", 2, new byte[36], 32, 2);
    }

    @Test
    void aFileCutAnywhereIsRefused() throws IOException {
        byte[] whole = good().bytes();
        Path path = folder.resolve("a.gguf");
        Files.write(path, whole);
        GgufFile.open(path).close();
        int padding = 32 - 36 % 32; // behind the last tensor: nobody reads it
        for (int length = 0; length < whole.length - padding; length++) {
            Files.write(path, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> GgufFile.open(path))
                    .as("cut to %d of %d bytes", length, whole.length)
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageMatching("a\\.gguf @ \\d+: .*file has.*");
        }
        Files.write(path, Arrays.copyOf(whole, whole.length - padding));
        GgufFile.open(path).close();
    }

    @Test
    void tenThousandDamagedFilesAreReadOrRefused() {
        byte[] whole = good().bytes();
        Mutations.Outcome outcome = Mutations.of(whole, 20260731)
                .within(0, whole.length - 3 * 64)
                .placed()
                .read(10_000, folder.resolve("a.gguf"), HostileGgufTest::readAll);
        assertThat(outcome.malformed()).isGreaterThan(3000);
        assertThat(outcome.accepted()).isGreaterThan(1000);
        assertThat(outcome.unsupported()).isGreaterThan(10);
    }

    private static void readAll(Path path) {
        try (GgufFile file = GgufFile.open(path)) {
            GgufMetadata metadata = file.metadata();
            for (String key : metadata.keys()) {
                metadata.shownValue(key);
                List<Runnable> readings = List.of(
                        () -> metadata.text(key),
                        () -> metadata.texts(key),
                        () -> metadata.integers(key),
                        () -> metadata.numbers(key),
                        () -> metadata.number(key),
                        () -> metadata.flag(key, true));
                int right = 0;
                MalformedFileException fault = null;
                for (Runnable reading : readings) {
                    try {
                        reading.run();
                        right++;
                    } catch (MalformedFileException e) {
                        fault = e;
                    }
                }
                if (right == 0) { // text that is not UTF-8, a number that is none
                    throw java.util.Objects.requireNonNull(fault);
                }
            }
            for (GgufTensor tensor : file.tensors().values()) {
                long bytes = file.data(tensor.name()).byteSize();
                Mutations.touch(new Tensor(DType.I8, Shape.of(bytes), file.data(tensor.name())));
            }
        }
    }
}
