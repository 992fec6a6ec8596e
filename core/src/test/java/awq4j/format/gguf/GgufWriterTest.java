package awq4j.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.tensor.Shape;
import awq4j.testing.RawGguf;
import awq4j.testing.Samples;
import awq4j.weight.GgufEncoder;
import awq4j.weight.Weight;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GgufWriterTest {
    @TempDir
    private Path folder;

    /** {@link RawGguf} puts the same together by code of its own. */
    @Test
    void bytesAreThoseOfTheFormat() throws IOException {
        Path file = folder.resolve("a.gguf");
        byte[] data = RawGguf.ints(1, 2, 3, 4, 5, 6);
        var writer = new GgufWriter()
                .text("general.architecture", "llama")
                .number("n", 7)
                .real("r", 0.5)
                .flag("f", true)
                .texts("t", List.of("a", "ñ"))
                .numbers("i", new int[] {1, -2})
                .reals("x", new float[] {1.5f})
                .tensor("a", GgmlType.I32, Shape.of(2, 3), sink -> {
                    sink.put(MemorySegment.ofArray(data).asSlice(0, 10));
                    sink.put(MemorySegment.ofArray(data).asSlice(10));
                })
                .tensor("b", GgmlType.F32, Shape.of(1), sink -> sink.put(MemorySegment.ofArray(new float[] {2})));
        writer.write(file);
        byte[] expected = new RawGguf()
                .text("general.architecture", "llama")
                .number("n", 7)
                .real("r", 0.5f)
                .flag("f", true)
                .texts("t", List.of("a", "ñ"))
                .numbers("i", 1, -2)
                .reals("x", 1.5f)
                .tensor("a", GgmlType.I32.id(), data, 3, 2)
                .floats("b", new float[] {2}, 1)
                .bytes();
        assertThat(file).hasBinaryContent(expected);
        assertThat(writer.sizeBytes()).isEqualTo(expected.length);
        assertThat(GgufWriter.unfinished(file)).doesNotExist();
    }

    @Test
    void nothingUnfinishedIsLeft() throws IOException {
        Path file = folder.resolve("a.gguf");
        Files.writeString(file, "old");
        var less = new GgufWriter()
                .tensor("a", GgmlType.F32, Shape.of(2), sink -> sink.put(MemorySegment.ofArray(new float[1])));
        assertThatThrownBy(() -> less.write(file))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("tensor a was announced with 8 bytes, came with only 4");
        var more = new GgufWriter()
                .tensor("a", GgmlType.F32, Shape.of(2), sink -> sink.put(MemorySegment.ofArray(new float[3])));
        assertThatThrownBy(() -> more.write(file)).hasMessage("tensor a was announced with 8 bytes, came with more");
        var stopped = new GgufWriter().tensor("a", GgmlType.F32, Shape.of(2), sink -> {
            throw new IOException("no space left");
        });
        assertThatThrownBy(() -> stopped.write(file))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("cannot write " + file + ": no space left");
        assertThat(file).hasContent("old");
        assertThat(folder).isDirectoryContaining(path -> path.equals(file)).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void whatTheFormatCannotHoldIsRefused() {
        var writer = new GgufWriter().number("a", 1);
        assertThatThrownBy(() -> writer.number("a", 2)).hasMessage("key \"a\" is given twice");
        assertThatThrownBy(() -> writer.number("b", -1)).hasMessage("\"b\" should not be negative, was -1");
        assertThatThrownBy(() -> writer.tensor("t", GgmlType.Q4_0, Shape.of(2, 33), sink -> {}))
                .hasMessage("tensor t: Q4_0 needs columns in multiples of 32, found [2, 33]");
        writer.tensor("t", GgmlType.F32, Shape.of(0), sink -> {});
        assertThatThrownBy(() -> writer.tensor("t", GgmlType.F32, Shape.of(0), sink -> {}))
                .hasMessage("tensor t is given twice");
    }

    @ParameterizedTest
    @EnumSource
    void blocksComeBackFromWhatTheyBecame(GgufEncoder encoder) {
        int rows = 6;
        int columns = 96;
        GgmlType type = GgmlType.valueOf(encoder.name());
        byte[] blocks = new byte[(int) encoder.sizeBytes((long) rows * columns)];
        encoder.encode(Samples.floats(3, rows * columns), 0, rows * columns, blocks, 0);
        var part = new StoredPart("q", 3, -1, false, false);
        Weight weight = PlainBlocks.unpack(
                "q",
                type,
                PlainBlocks.layout(type).orElseThrow(),
                rows,
                columns,
                MemorySegment.ofArray(blocks),
                row -> part.storedRow(row, rows));
        assertThat(PlainBlocks.pack(type, weight, part.order(rows))).containsExactly(blocks);
        int[] inOrder = IntStream.range(0, rows).toArray();
        for (GgmlType other : List.of(GgmlType.F32, GgmlType.Q4_K)) {
            assertThatThrownBy(() -> PlainBlocks.pack(other, weight, inOrder))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is not " + other);
        }
    }
}
