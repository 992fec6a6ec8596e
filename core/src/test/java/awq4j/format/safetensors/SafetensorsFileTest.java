package awq4j.format.safetensors;

import static awq4j.format.safetensors.RawFile.tensor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.UnsupportedModelException;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
    @TempDir
    private Path folder;

    @Test
    void headerAndDataAreRead() {
        Path path = RawFile.write(
                folder.resolve("a.safetensors"),
                "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"é\"}," + tensor("b", "U8", "[2,3]", 4, 10) + ","
                        + tensor("a", "I16", "[2]", 0, 4) + "," + tensor("none", "F32", "[0,5]", 4, 4) + ","
                        + tensor("scalar", "BOOL", "[]", 10, 11) + "}   ",
                11);
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"), Map.entry("note", "é"));
            assertThat(file.names()).containsExactly("b", "a", "none", "scalar");
            assertThat(file.tensor("a").toFloats()).containsExactly(0x0100, 0x0302);
            assertThat(file.tensor("b").toFloats()).containsExactly(4, 5, 6, 7, 8, 9);
            assertThat(file.shape("b")).isEqualTo(Shape.of(2, 3));
            assertThat(file.sizeBytes("b")).isEqualTo(6);
            assertThat(file.tensor("none").toFloats()).isEmpty();
            assertThat(file.tensor("scalar").toFloats()).containsExactly(10);
            assertThatThrownBy(() -> file.tensor("c"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("a.safetensors has no tensor c");
        }
    }

    @Test
    void aFileWithoutTensorsIsAFile() {
        try (var file = SafetensorsFile.open(RawFile.write(folder.resolve("a.safetensors"), "{}", 0))) {
            assertThat(file.names()).isEmpty();
            assertThat(file.metadata()).isEmpty();
        }
    }

    @Test
    void anUnknownElementTypeIsListedAndRefusedWhenRead() {
        Path path =
                RawFile.write(folder.resolve("a.safetensors"), "{" + tensor("w", "F8_E4M3", "[2,2]", 0, 4) + "}", 4);
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.dtypeName("w")).isEqualTo("F8_E4M3");
            assertThat(file.sizeBytes("w")).isEqualTo(4);
            assertThatThrownBy(() -> file.tensor("w"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessage("a.safetensors: tensor w has element type F8_E4M3; supported: F64, F32, F16, BF16,"
                            + " I64, I32, I16, I8, U8, BOOL");
        }
    }

    @Test
    void everyTypeSurvivesWritingAndReading() {
        var sources = new ArrayList<Source>();
        for (DType dtype : DType.values()) {
            byte[] bytes = new byte[6 * dtype.bytes()];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) (dtype == DType.BOOL ? i & 1 : 37 * i + dtype.bytes());
            }
            sources.add(Source.of("t." + dtype, new Tensor(dtype, Shape.of(2, 3), MemorySegment.ofArray(bytes))));
        }
        Path path = folder.resolve("all.safetensors");
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("z", "1");
        metadata.put("a", "\"quoted\"\n");
        SafetensorsWriter.write(path, metadata, sources);
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).isEqualTo(metadata);
            assertThat(file.metadata().keySet()).containsExactly("z", "a");
            for (Source source : sources) {
                Tensor read = file.tensor(source.name());
                assertThat(read.dtype()).isEqualTo(source.dtype());
                assertThat(read.shape()).isEqualTo(source.shape());
                assertThat(read.data().mismatch(source.data().get().data())).isEqualTo(-1);
            }
        }
    }

    @Test
    void everyGoldenFileComesOutByteForByte() throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(GoldenFiles.path("."))) {
            files = all.filter(path -> path.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        }
        assertThat(files).hasSizeGreaterThan(40);
        Path copy = folder.resolve("copy.safetensors");
        for (int i = 0; i < files.size(); i++) {
            byte[] original = Files.readAllBytes(files.get(i));
            try (var file = SafetensorsFile.open(files.get(i))) {
                var sources = file.names().stream()
                        .map(name -> Source.of(name, file.tensor(name)))
                        .toList();
                byte[] header = SafetensorsWriter.header(file.metadata(), sources);
                assertThat(Arrays.mismatch(header, Arrays.copyOfRange(original, 8, 8 + header.length)))
                        .as("header of %s", files.get(i))
                        .isEqualTo(-1);
                if (i % 10 == 0) { // the data is copied as it is; a few files show it, and spare the disk
                    SafetensorsWriter.write(copy, file.metadata(), sources);
                    assertThat(Arrays.mismatch(Files.readAllBytes(copy), original))
                            .as("%s", files.get(i))
                            .isEqualTo(-1);
                }
                assertThat(8L
                                + header.length
                                + sources.stream().mapToLong(Source::sizeBytes).sum())
                        .as("size of %s", files.get(i))
                        .isEqualTo(original.length);
            }
        }
    }

    @Test
    void tensorsBeyondFourGibibytesAreRead() throws IOException {
        long far = 5L << 30;
        String header = "{" + tensor("huge", "U8", "[" + far + "]", 0, far) + ","
                + tensor("last", "I32", "[2]", far, far + 8) + "}";
        Path path = RawFile.write(folder.resolve("sparse.safetensors"), header, 0);
        try (var file = new RandomAccessFile(path.toFile(), "rw")) { // sparse: a hole takes no space
            file.seek(file.length() + far);
            file.writeLong(0x0100_0000_0200_0000L);
            file.seek(8 + header.length() + (3L << 30));
            file.write(77);
        }
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.tensor("last").toInts()).containsExactly(1, 2);
            Tensor huge = file.tensor("huge");
            float[] one = new float[1];
            huge.copyTo(3L << 30, one, 0, 1);
            assertThat(one).containsExactly(77);
            assertThat(huge.shape().elements()).isEqualTo(far);
        }
    }

    @Test
    void headersCountBeyondInt() {
        long gib = 1L << 30;
        Tensor unused = Tensor.ofInts(new int[0], 0);
        byte[] json = SafetensorsWriter.header(
                Map.of(),
                List.of(
                        new Source("a", DType.F32, Shape.of(3 * gib, 1), () -> unused),
                        new Source("b", DType.F16, Shape.of(1 << 20, 1 << 16), () -> unused),
                        new Source("c", DType.U8, Shape.of(7), () -> unused)));
        long total = 12 * gib + 128 * gib + 7;
        var header = SafetensorsHeader.parse(Path.of("x"), json, total);
        assertThat(header.entries().get("b").begin()).isEqualTo(12 * gib);
        assertThat(header.entries().get("c").begin()).isEqualTo(140 * gib);
        assertThat(header.entries().get("c").end()).isEqualTo(total);
        assertThatThrownBy(() -> SafetensorsHeader.parse(Path.of("x"), json, total - 1))
                .hasMessageContaining("tensor c ends at byte " + total + " of the data, file has " + (total - 1));
    }

    @Test
    void headerIsPaddedToEightBytes() {
        byte[] json = SafetensorsWriter.header(Map.of(), List.of());
        assertThat(new String(json, StandardCharsets.US_ASCII)).isEqualTo("{}      ");
    }

    /** The bytes that docs/formats/safetensors.md shows. */
    @Test
    void documentedBytesAreRight() throws IOException {
        Path path = folder.resolve("a.safetensors");
        Tensor tensor = Tensor.ofFloats(new float[] {1, -0.5f}, 2).as(DType.F16);
        SafetensorsWriter.write(path, Map.of(), List.of(Source.of("a", tensor)));
        assertThat(java.util.HexFormat.of().formatHex(Files.readAllBytes(path)))
                .isEqualTo("38000000000000007b2261223a7b2264"
                        + "74797065223a22463136222c22736861"
                        + "7065223a5b325d2c22646174615f6f66"
                        + "6673657473223a5b302c345d7d7d2020"
                        + "003c00b8");
    }

    /** Not a crash of the process, and not whatever the memory held. */
    @Test
    void aFileThatShrinksWhileMappedIsAnErrorThatCanBeTold() throws IOException {
        long size = 1 << 16; // several pages: those behind the new end are what fails
        Path path = RawFile.write(
                folder.resolve("a.safetensors"), "{" + tensor("w", "U8", "[" + size + "]", 0, size) + "}", (int) size);
        try (var opened = SafetensorsFile.open(path)) {
            try (var file = new RandomAccessFile(path.toFile(), "rw")) {
                file.setLength(100);
            }
            Tensor tensor = opened.tensor("w");
            assertThatThrownBy(tensor::toFloats)
                    .isInstanceOf(InternalError.class)
                    .hasMessageContaining("unsafe memory access");
        }
    }

    @Test
    void tensorsStayReadableUntilClosed() {
        Path path = RawFile.write(folder.resolve("a.safetensors"), "{" + tensor("w", "U8", "[2]", 0, 2) + "}", 2);
        var file = SafetensorsFile.open(path);
        Tensor tensor = file.tensor("w");
        assertThat(tensor.data().get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 1);
        file.close();
        file.close(); // twice is harmless
        assertThatThrownBy(tensor::toFloats).isInstanceOf(IllegalStateException.class);
    }
}
