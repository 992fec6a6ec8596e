package awq4j.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.Shape;
import awq4j.testing.RawGguf;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
    @TempDir
    private Path folder;

    private GgufFile open(RawGguf raw) {
        return GgufFile.open(raw.write(folder.resolve("a.gguf")));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void valuesOfAllTypesAreRead(int version) {
        var raw = new RawGguf()
                .version(version)
                .raw("u8", RawGguf.UINT8, new byte[] {(byte) 200})
                .raw("i8", RawGguf.INT8, new byte[] {(byte) 200})
                .raw("u16", RawGguf.UINT16, new byte[] {(byte) 0xff, (byte) 0xff})
                .raw("i16", RawGguf.INT16, new byte[] {(byte) 0xff, (byte) 0xff})
                .number("u32", 7)
                .raw("i32", RawGguf.INT32, RawGguf.ints(-7))
                .raw("u64", RawGguf.UINT64, RawGguf.longs(1L << 30))
                .raw("i64", RawGguf.INT64, RawGguf.longs(-3))
                .real("f32", 1e-5f)
                .raw("f64", RawGguf.FLOAT64, RawGguf.longs(Double.doubleToRawLongBits(0.1)))
                .flag("yes", true)
                .flag("no", false)
                .text("text", "größe ▁ 🦙")
                .texts("texts", List.of("a", "", "ü"))
                .reals("reals", 0.1f, -2)
                .numbers("numbers", 3, -4)
                .array("flags", RawGguf.BOOL, 2, new byte[] {1, 0});
        try (GgufFile file = open(raw)) {
            GgufMetadata read = file.metadata();
            assertThat(List.of("u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"))
                    .map(read::integer)
                    .containsExactly(200, -56, 65535, -1, 7, -7, 1 << 30, -3);
            assertThat(read.number("f32")).isEqualTo(1e-5);
            assertThat(read.number("f64")).isEqualTo(0.1);
            assertThat(read.number("u8")).isEqualTo(200);
            assertThat(read.flag("yes", false)).isTrue();
            assertThat(read.flag("no", true)).isFalse();
            assertThat(read.text("text")).isEqualTo("größe ▁ 🦙");
            assertThat(read.texts("texts")).containsExactly("a", "", "ü");
            assertThat(read.numbers("reals")).containsExactly(0.1, -2);
            assertThat(read.integers("numbers")).containsExactly(3, -4);
            assertThat(read.integers("flags")).containsExactly(1, 0);
            assertThat(read.length("texts")).isEqualTo(3);
            assertThat(read.keys()).hasSize(17).startsWith("u8", "i8");
            assertThat(read.integer("none", 5)).isEqualTo(5);
            assertThat(read.flag("none", true)).isTrue();
            assertThat(read.text("none", "other")).isEqualTo("other");
            assertThat(read.number("none", 0.5)).isEqualTo(0.5);
        }
    }

    @Test
    void valuesAreShownShort() {
        var raw = new RawGguf()
                .number("number", 7)
                .real("real", 0.5f)
                .flag("flag", true)
                .text("text", "line\n".repeat(50))
                .texts("texts", List.of("a", "b"));
        try (GgufFile file = open(raw)) {
            GgufMetadata read = file.metadata();
            assertThat(read.shownValue("number")).isEqualTo("7");
            assertThat(read.shownValue("real")).isEqualTo("0.5");
            assertThat(read.shownValue("flag")).isEqualTo("true");
            assertThat(read.shownValue("text")).startsWith("line?line?").hasSize(63);
            assertThat(read.shownValue("texts")).isEqualTo("2 x string");
        }
    }

    @Test
    void aValueOfAnotherTypeIsNamed() {
        var raw = new RawGguf()
                .text("a.text", "x")
                .numbers("a.list", 1, 2)
                .raw("a.large", RawGguf.UINT64, RawGguf.longs(-1))
                .real("a.nan", Float.NaN);
        try (GgufFile file = open(raw)) {
            GgufMetadata read = file.metadata();
            assertMalformed(() -> read.integer("a.text"), "\"a.text\" should be a whole number, is of type string");
            assertMalformed(() -> read.number("a.text"), "\"a.text\" should be a number, is of type string");
            assertMalformed(() -> read.flag("a.text", true), "\"a.text\" should be true or false, is of type string");
            assertMalformed(
                    () -> read.text("a.list"), "\"a.list\" should be one value, is an array of 2 of type int32");
            assertMalformed(() -> read.texts("a.list"), "should be an array of texts, is an array of 2 of type int32");
            assertMalformed(() -> read.numbers("a.text"), "\"a.text\" should be an array, is of type string");
            assertMalformed(() -> read.integer("a.large"), "\"a.large\" should be below 2^31, is 9223372036854775807");
            assertMalformed(() -> read.number("a.nan"), "\"a.nan\" should be a number, is NaN");
            assertThatThrownBy(() -> read.text("b"))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessage("a.gguf: has no \"b\" in its metadata");
        }
    }

    private static void assertMalformed(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String message) {
        assertThatThrownBy(call)
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("a.gguf @ ")
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 32, 64, 4096})
    void tensorsBeginAtMultiplesOfTheAlignment(int alignment) {
        var raw = new RawGguf()
                .alignment(alignment)
                .floats("a", new float[] {1, 2, 3}, 3)
                .halves("b", new float[] {1, 2, 3, 4, 5, 6}, 3, 2)
                .tensor("c", 2, new byte[36], 64, 1, 1);
        try (GgufFile file = open(raw)) {
            assertThat(file.tensors().keySet()).containsExactly("a", "b", "c");
            GgufTensor b = file.tensors().get("b");
            assertThat(b.type()).isEqualTo(GgmlType.F16);
            assertThat(b.shape()).isEqualTo(Shape.of(2, 3));
            assertThat(b.columns()).isEqualTo(3);
            assertThat(b.offset() % alignment).isZero();
            assertThat(file.data("b").toArray(ValueLayout.JAVA_SHORT))
                    .hasSize(6)
                    .startsWith((short) 0x3c00);
            assertThat(file.tensors().get("c").sizeBytes()).isEqualTo(36);
            assertThat(file.tensors().get("c").typeName()).isEqualTo("Q4_0");
            assertThatThrownBy(() -> file.data("d")).hasMessage("a.gguf has no tensor d");
        }
    }

    @Test
    void aTypeThatIsNotKnownIsListedAndNotRead() {
        try (GgufFile file = open(new RawGguf().info("a", 31, 0, 64))) {
            assertThat(file.tensors().get("a").typeName()).isEqualTo("type 31");
            assertThatThrownBy(() -> file.data("a"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessage("a.gguf: tensor a is of type 31, which is not known");
        }
    }

    @Test
    void typesHaveTheNumbersAndSizesOfTheFormat() {
        assertThat(GgmlType.of(3)).contains(GgmlType.Q4_1);
        assertThat(GgmlType.of(30)).contains(GgmlType.BF16);
        assertThat(GgmlType.of(4)).isEmpty();
        assertThat(GgmlType.of(-1)).isEmpty();
        for (GgmlType type : GgmlType.values()) {
            double bits = 8.0 * type.blockBytes() / type.blockElements();
            assertThat(bits).as("%s", type).isBetween(1.5, 64.0);
        }
    }

    @Test
    void otherVersionsAndByteOrdersAreRefusedByASentence() {
        assertThatThrownBy(() -> open(new RawGguf().version(1)))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("a.gguf is GGUF version 1; supported: versions 2 and 3");
        assertThatThrownBy(() -> open(new RawGguf().version(4))).hasMessageContaining("is GGUF version 4;");
        assertThatThrownBy(() -> open(new RawGguf().version(Integer.reverseBytes(3))))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageStartingWith("a.gguf is big-endian; supported: little-endian files");
    }

    @Test
    void otherFilesAreNamed() throws IOException {
        Path path = folder.resolve("a.gguf");
        Files.writeString(path, "version https://git-lfs.github.com/spec/v1\n", StandardCharsets.UTF_8);
        assertThatThrownBy(() -> GgufFile.open(path)).hasMessageContaining("is a Git LFS pointer");
        Files.writeString(path, "tjgg and more", StandardCharsets.UTF_8);
        assertThatThrownBy(() -> GgufFile.open(path))
                .hasMessageContaining("of a format that llama.cpp had before GGUF");
        Files.writeString(path, "PK and more", StandardCharsets.UTF_8);
        assertThatThrownBy(() -> GgufFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage(
                        "a.gguf @ 0: expected a GGUF file, which begins with \"GGUF\", found the bytes 50 4b 20 61");
        assertThatThrownBy(() -> GgufFile.open(folder)).isInstanceOf(RuntimeException.class);
    }

    private Path part(int number, int of, int stated, String tensor) {
        var raw = new RawGguf()
                .raw("split.no", RawGguf.UINT16, new byte[] {(byte) stated, 0})
                .raw("split.count", RawGguf.UINT16, new byte[] {(byte) of, 0})
                .raw("split.tensors.count", RawGguf.INT32, RawGguf.ints(of))
                .floats(tensor, new float[] {number}, 1);
        return raw.write(folder.resolve(String.format(Locale.ROOT, "m-%05d-of-%05d.gguf", number, of)));
    }

    @Test
    void partsAreOneModelWhicheverIsNamed() {
        Path first = part(1, 3, 0, "a");
        Path second = part(2, 3, 1, "b");
        Path third = part(3, 3, 2, "c");
        for (Path path : List.of(first, second, third)) {
            try (GgufFiles files = GgufFiles.open(path)) {
                assertThat(files.names()).containsExactly("a", "b", "c");
                assertThat(files.files()).hasSize(3);
                assertThat(files.data("b").get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(2);
                assertThat(files.tensor("c").shape()).isEqualTo(Shape.of(1));
                assertThat(files.has("d")).isFalse();
            }
        }
    }

    @Test
    void partsThatDoNotFitTogetherAreRefused() throws IOException {
        Path first = part(1, 2, 0, "a");
        assertThatThrownBy(() -> GgufFiles.open(first))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("m-00001-of-00002.gguf: is one of 2 parts, but m-00002-of-00002.gguf is missing beside it");
        part(2, 2, 1, "a");
        assertThatThrownBy(() -> GgufFiles.open(first))
                .hasMessage("m-00002-of-00002.gguf: tensor a is in an earlier part too");
        part(2, 2, 0, "b");
        assertThatThrownBy(() -> GgufFiles.open(first)).hasMessageContaining("\"split.no\" should be 1, is 0");
        Path alone = Files.copy(first, folder.resolve("alone.gguf"));
        assertThatThrownBy(() -> GgufFiles.open(alone))
                .hasMessage("alone.gguf: says that it is one of 2 parts, its name says 1; parts are named like"
                        + " model-00001-of-00003.gguf");
        Path wrong = new RawGguf()
                .raw("split.tensors.count", RawGguf.INT32, RawGguf.ints(5))
                .floats("a", new float[1], 1)
                .write(folder.resolve("wrong.gguf"));
        assertThatThrownBy(() -> GgufFiles.open(wrong))
                .hasMessageContaining("\"split.tensors.count\" should be 1, as many as all parts have, is 5");
    }

    @Test
    void aFileThatIsNoPartMayBeNamedLikeOne() {
        Path path = new RawGguf().floats("a", new float[1], 1).write(folder.resolve("m-00001-of-00001.gguf"));
        try (GgufFiles files = GgufFiles.open(path)) {
            assertThat(files.names()).containsExactly("a");
        }
    }
}
