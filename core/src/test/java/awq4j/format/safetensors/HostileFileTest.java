package awq4j.format.safetensors;

import static awq4j.format.safetensors.RawFile.tensor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.testing.GoldenFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that lie. Each is answered by one sentence that names the file, and the byte where it can. */
class HostileFileTest {
    private static final String GOOD = "{\"__metadata__\":{\"format\":\"pt\"}," + tensor("a", "F16", "[2,2]", 0, 8)
            + "," + tensor("b.weight", "I32", "[1]", 8, 12) + "}";

    @TempDir
    private Path folder;

    /** What is wrong with a header; {@code @} is where its place in the file begins. */
    static Stream<Arguments> headers() {
        String huge = "9223372036854775807";
        return Stream.of(
                Arguments.of("[]", "@ 8: header should be a JSON object, begins with a list"),
                Arguments.of("  ", "@ 8: header should be a JSON object, begins with nothing"),
                Arguments.of("{\"a\":}", "header is not JSON: Unexpected character ('}'"),
                Arguments.of("{} {}", "@ 11: header goes on behind its JSON object"),
                Arguments.of("{\"a\":1}", "@ 13: tensor a should be an object, is a number"),
                Arguments.of("{\"a\":{}}", "@ 9: tensor a has no dtype"),
                Arguments.of("{\"a\":{\"dtype\":\"U8\"}}", "@ 9: tensor a has no shape"),
                Arguments.of("{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", "tensor a has no data_offsets"),
                Arguments.of("{\"a\":{\"dtype\":8}}", "tensor a: dtype should be a string, is a number"),
                Arguments.of("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\"}}", "tensor a: dtype stands twice"),
                Arguments.of("{\"__metadata__\":3}", "__metadata__ should be an object, is a number"),
                Arguments.of("{\"__metadata__\":{\"x\":[]}}", "__metadata__.x should be a string, is a list"),
                Arguments.of("{\"__metadata__\":{},\"__metadata__\":{}}", "__metadata__ stands twice"),
                one("U8", "[4]", "[0]", "tensor a: data_offsets should be [begin, end], is [0]"),
                one("U8", "[4]", "[0,4,8]", "tensor a: data_offsets should be [begin, end], is [0, 4, 8]"),
                one("U8", "[4]", "[4,0]", "tensor a begins at byte 4 and ends at 0"),
                one("U8", "[4]", "[12,16]", "@ 9: tensor a ends at byte 16 of the data, file has 12"),
                one("U8", "[4]", "[0," + huge + "]", "tensor a ends at byte " + huge + " of the data, file has 12"),
                one("U8", "[4]", "[" + huge + "," + huge + "]", "tensor a ends at byte " + huge),
                one("U8", "[4]", "[-4,0]", "data_offsets should hold integers from 0 to 2^63 - 1, holds -4"),
                one("U8", "[4]", "[0,9223372036854775808]", "2^63 - 1, holds 9223372036854775808"),
                one("U8", "[4]", "[0,1e30]", "2^63 - 1, holds 1e30"),
                one("U8", "[4]", "[0.5,4]", "2^63 - 1, holds 0.5"),
                one("U8", "[4]", "\"0,4\"", "data_offsets should be a list of integers, is a string"),
                one("U8", "[\"4\"]", "[0,4]", "shape should hold integers from 0 to 2^63 - 1, holds 4"),
                one("U8", "[null]", "[0,4]", "shape should hold integers from 0 to 2^63 - 1, holds null"),
                one("U8", "[[4]]", "[0,4]", "shape should hold integers from 0 to 2^63 - 1, holds a list"),
                one("U8", "[-1,-4]", "[0,4]", "shape should hold integers from 0 to 2^63 - 1, holds -1"),
                one("U8", "[3]", "[0,4]", "tensor a: U8 [3] takes 3 bytes, its offsets span 4"),
                one("F64", "[1]", "[0,4]", "tensor a: F64 [1] takes 8 bytes, its offsets span 4"),
                one("U8", "[4294967296,4294967296]", "[0,4]", "[4294967296, 4294967296] exceeds 2^63 bytes"),
                one("F64", "[2305843009213693952]", "[0,4]", "[2305843009213693952] exceeds 2^63 bytes"),
                one("U8", "[" + "1,".repeat(64) + "1]", "[0,1]", "shape has more than 64 numbers"),
                Arguments.of(
                        "{" + tensor("a", "U8", "[4]", 0, 4) + "," + tensor("a", "U8", "[4]", 4, 8) + "}",
                        "tensor a is named twice"),
                Arguments.of(
                        "{" + tensor("a", "U8", "[8]", 0, 8) + "," + tensor("b", "U8", "[4]", 7, 11) + "}",
                        "tensor b overlaps tensor a, which ends at byte 8 of the data"),
                Arguments.of(
                        "{" + tensor("a", "U8", "[8]", 0, 8) + "," + tensor("b", "U8", "[8]", 0, 8) + "}",
                        "tensor b overlaps tensor a"),
                Arguments.of("{\"a\":{\"x\":" + "[".repeat(5000), "nesting depth"),
                Arguments.of("{\"" + "n".repeat(100_000) + "\":1}", "header is not JSON: "));
    }

    private static Arguments one(String dtype, String shape, String offsets, String message) {
        return Arguments.of(
                "{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}",
                message);
    }

    @ParameterizedTest
    @MethodSource("headers")
    void headersThatLieAreRefused(String header, String message) {
        Path path = RawFile.write(folder.resolve("a.safetensors"), header, 12);
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("a.safetensors @ ")
                .hasMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400).doesNotContain("REDACTED", "\n"));
    }

    @Test
    void aSmallFileCutAnywhereIsRefused() {
        byte[] whole = RawFile.bytes(GOOD, 12);
        Path path = RawFile.write(folder.resolve("a.safetensors"), whole);
        SafetensorsFile.open(path).close();
        for (int length = 0; length < whole.length; length++) {
            byte[] cut = java.util.Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> SafetensorsFile.open(RawFile.write(path, cut)))
                    .as("cut to %d of %d bytes", length, whole.length)
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageMatching("a\\.safetensors @ \\d+: .*(file has|ends at byte).*");
        }
    }

    /** A length that fits its cut file, so that the JSON itself ends too early. */
    @Test
    void aHeaderThatEndsTooEarlyIsRefused() {
        for (int length = 2; length < GOOD.length(); length++) {
            Path path = RawFile.write(folder.resolve("a.safetensors"), GOOD.substring(0, length), 12);
            assertThatThrownBy(() -> SafetensorsFile.open(path))
                    .as("header cut to %d", length)
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageStartingWith("a.safetensors @ ");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "models/llama_gqa/model.safetensors",
                "models/opt/model.safetensors",
                "models/checkpoint_formats/bf16_sharded/model-00002-of-00002.safetensors",
                "quantization/unit/pseudo_quantize.safetensors"
            })
    void aFileCutAtAnyTensorsEdgeIsRefused(String golden) throws IOException {
        Path path = Files.copy(GoldenFiles.path(golden), folder.resolve("cut.safetensors"));
        var cuts = new TreeSet<Long>();
        long start;
        try (var file = SafetensorsFile.open(path)) {
            byte[] bytes = Files.readAllBytes(path);
            start = 8 + ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
            long at = start;
            for (String name : file.names()) { // golden files have their tensors in header order
                for (long edge : new long[] {at - 1, at, at + 1}) {
                    cuts.add(edge);
                }
                at += file.sizeBytes(name);
            }
            assertThat(at).isEqualTo(bytes.length);
            cuts.add(at - 1);
        }
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            for (long cut : cuts.descendingSet()) {
                file.setLength(cut);
                assertThatThrownBy(() -> SafetensorsFile.open(path))
                        .as("cut to %d bytes, data begins at %d", cut, start)
                        .isInstanceOf(MalformedFileException.class)
                        .hasMessageMatching("cut\\.safetensors @ \\d+: "
                                + "(header takes \\d+ bytes, file has \\d+|tensor \\S+ ends at byte \\d+).*");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 100_000_001, Long.MAX_VALUE, -1, Long.MIN_VALUE})
    void aHeaderLengthOutOfRangeTakesNoMemory(long length) {
        byte[] bytes = RawFile.bytes(GOOD, 12);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        assertThatThrownBy(() -> SafetensorsFile.open(RawFile.write(folder.resolve("a.safetensors"), bytes)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("a.safetensors @ 0: header length " + Long.toUnsignedString(length)
                        + " is not in [2, 100000000]");
    }

    @Test
    void aHeaderLongerThanItsFileIsRefused() {
        byte[] bytes = RawFile.bytes(GOOD, 0);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 99_999_999);
        assertThatThrownBy(() -> SafetensorsFile.open(RawFile.write(folder.resolve("a.safetensors"), bytes)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("a.safetensors @ 8: header takes 99999999 bytes, file has " + GOOD.length()
                        + " behind its length");
    }

    /** As a tree, this header would take hundreds of megabytes. */
    @Test
    void aLongHeaderIsReadInLittleMemory() {
        String header = "{\"a\":{\"dtype\":\"U8\",\"ignored\":[" + "[],".repeat(4_000_000) + "0]}}";
        Path path = RawFile.write(folder.resolve("a.safetensors"), header, 0);
        assertThatThrownBy(() -> SafetensorsFile.open(path)).hasMessage("a.safetensors @ 9: tensor a has no shape");
    }

    @Test
    void aPointerOfGitLfsIsRecognized() {
        byte[] pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
                .getBytes(StandardCharsets.US_ASCII);
        assertThatThrownBy(() -> SafetensorsFile.open(RawFile.write(folder.resolve("a.safetensors"), pointer)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("a.safetensors @ 0: is a Git LFS pointer, not the file it points to; fetch that with"
                        + " \"git lfs pull\"");
    }

    @Test
    void aFolderIsNotAFile() {
        assertThatThrownBy(() -> SafetensorsFile.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageEndingWith("expected a file, found a folder");
    }

    /** Any byte, any value: what is accepted lies within the data and has the size it says; what is not says why. */
    @Test
    void changedBytesNeverDoHarm() {
        byte[] good = GOOD.getBytes(StandardCharsets.UTF_8);
        var random = new Random(17);
        int accepted = 0;
        for (int i = 0; i < 5_000; i++) {
            byte[] changed = good.clone();
            for (int n = random.nextInt(3); n >= 0; n--) {
                changed[random.nextInt(changed.length)] = (byte)
                        (random.nextBoolean() ? random.nextInt(256) : "0129{}[]\",:-".charAt(random.nextInt(12)));
            }
            try {
                for (var entry : SafetensorsHeader.parse(Path.of("a.safetensors"), changed, 12)
                        .entries()
                        .values()) {
                    assertThat(entry.begin()).as("change %d", i).isBetween(0L, entry.end());
                    assertThat(entry.end()).as("change %d", i).isLessThanOrEqualTo(12);
                    if (entry.dtype() != null) {
                        assertThat(entry.shape().elements() * entry.dtype().bytes())
                                .as("change %d", i)
                                .isEqualTo(entry.end() - entry.begin());
                    }
                }
                accepted++;
            } catch (MalformedFileException e) {
                assertThat(e.getMessage()).as("change %d", i).startsWith("a.safetensors @ ");
            }
        }
        assertThat(accepted).as("some changes only rename things").isPositive();
    }
}
