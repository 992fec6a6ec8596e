package awq4j.format.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.SmallDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
    private static final Map<String, String> PT = Map.of("format", "pt");

    @TempDir
    private Path folder;

    @Test
    void aSmallModelIsOneFile() {
        List<Path> files = SafetensorsWriter.writeSharded(folder, PT, List.of(ints("a", 4), ints("b", 4)), 32);
        assertThat(files).containsExactly(folder.resolve("model.safetensors"));
        assertThat(names(folder)).containsExactly("model.safetensors");
    }

    @Test
    void aLargeModelIsShardsWithAnIndex() throws IOException {
        var sources = List.of(ints("a", 4), ints("b", 3), ints("huge", 20), ints("c", 1), ints("d", 7));
        List<Path> files = SafetensorsWriter.writeSharded(folder, PT, sources, 32);
        assertThat(names(folder))
                .containsExactly(
                        "model-00001-of-00003.safetensors",
                        "model-00002-of-00003.safetensors",
                        "model-00003-of-00003.safetensors",
                        "model.safetensors.index.json");
        assertThat(files).hasSize(4);
        assertThat(Files.readString(folder.resolve("model.safetensors.index.json")))
                .contains("\"total_size\" : 140", "\"huge\" : \"model-00002-of-00003.safetensors\"");
        try (var tensors = SafetensorsFolder.open(folder)) {
            assertThat(tensors.names()).containsExactlyInAnyOrder("a", "b", "huge", "c", "d");
            assertThat(tensors.files())
                    .hasSize(3)
                    .allSatisfy(file ->
                            assertThat(((SafetensorsFile) file).metadata()).isEqualTo(PT));
            for (Source source : sources) {
                assertThat(tensors.tensor(source.name()).toInts())
                        .containsExactly(source.data().get().toInts());
            }
        }
    }

    @Test
    void aTensorIsAskedForOnceAndInItsTurn() {
        var asked = new java.util.ArrayList<String>();
        var sources = Stream.of("a", "b", "c")
                .map(name -> new Source(name, DType.I32, Shape.of(2), () -> {
                    asked.add(name);
                    return Tensor.ofInts(new int[2], 2);
                }))
                .toList();
        SafetensorsWriter.writeSharded(folder, PT, sources, 8);
        assertThat(asked).containsExactly("a", "b", "c");
    }

    @Test
    void aFailureLeavesNothingBehind() {
        var broken = new Source("b", DType.I32, Shape.of(2), () -> {
            throw new IllegalStateException("no more");
        });
        Path file = folder.resolve("model.safetensors");
        assertThatThrownBy(() -> SafetensorsWriter.write(file, PT, List.of(ints("a", 4), broken)))
                .hasMessage("no more");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aFailureKeepsTheFileThatWasThere() {
        Path file = folder.resolve("model.safetensors");
        SafetensorsWriter.write(file, PT, List.of(ints("a", 4)));
        var wrong = new Source("a", DType.I32, Shape.of(3), () -> Tensor.ofInts(new int[2], 2));
        assertThatThrownBy(() -> SafetensorsWriter.write(file, PT, List.of(wrong)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tensor a was announced as I32 [3], came as I32 [2]");
        assertThat(names(folder)).containsExactly("model.safetensors");
        try (var read = SafetensorsFile.open(file)) {
            assertThat(read.tensor("a").toInts()).containsExactly(0, 1, 2, 3);
        }
    }

    @Test
    void aTensorGivenTwiceIsRefused() {
        assertThatThrownBy(() -> SafetensorsWriter.write(
                        folder.resolve("x.safetensors"), PT, List.of(ints("a", 1), ints("a", 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tensor a is given twice");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void shardsThatWereInterruptedAreNotTakenForAModel() {
        var broken = new Source("b", DType.I32, Shape.of(2), () -> {
            throw new IllegalStateException("killed");
        });
        assertThatThrownBy(() ->
                        SafetensorsWriter.writeSharded(folder, PT, List.of(ints("a", 2), ints("c", 2), broken), 8))
                .hasMessage("killed");
        assertThat(names(folder))
                .containsExactly("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors");
        assertThat(SafetensorsFolder.present(folder)).isFalse();
        assertThatThrownBy(() -> SafetensorsFolder.open(folder)).isInstanceOf(MalformedFileException.class);
    }

    /** Otherwise old and new shards would look like one model. */
    @Test
    void anOlderIndexGoesBeforeTheFirstShard() {
        SafetensorsWriter.writeSharded(folder, PT, List.of(ints("a", 2), ints("b", 2)), 8);
        var broken = new Source("b", DType.I32, Shape.of(2), () -> {
            throw new IllegalStateException("killed");
        });
        assertThatThrownBy(() -> SafetensorsWriter.writeSharded(folder, PT, List.of(ints("a", 2), broken), 8))
                .hasMessage("killed");
        assertThat(SafetensorsFolder.present(folder)).isFalse();
    }

    @Test
    void shardsReplaceASingleFile() {
        SafetensorsWriter.writeSharded(folder, PT, List.of(ints("old", 2)), 8);
        SafetensorsWriter.writeSharded(folder, PT, List.of(ints("a", 2), ints("b", 2)), 8);
        try (var tensors = SafetensorsFolder.open(folder)) {
            assertThat(tensors.names()).containsExactlyInAnyOrder("a", "b");
        }
    }

    @Test
    void aFullDiskIsToldWithTheFileAndLeavesNothing() {
        try (var disk = SmallDisk.mount(64 << 10)) {
            Path file = disk.folder().resolve("model.safetensors");
            assertThatThrownBy(() -> SafetensorsWriter.write(file, PT, List.of(ints("a", 100_000))))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageMatching("cannot write .*/model\\.safetensors \\(400\\d+ bytes, \\d+ free\\): "
                            + "No space left on device")
                    .cause()
                    .isInstanceOfSatisfying(
                            FileSystemException.class,
                            cause -> assertThat(cause.getFile()).isEqualTo(file.toString()));
            assertThat(disk.folder()).isEmptyDirectory();
        }
    }

    @Test
    void aDiskThatFillsUpBetweenShardsLeavesNoModel() {
        try (var disk = SmallDisk.mount(64 << 10)) {
            var sources = List.of(ints("a", 5_000), ints("b", 5_000), ints("c", 5_000), ints("d", 5_000));
            assertThatThrownBy(() -> SafetensorsWriter.writeSharded(disk.folder(), PT, sources, 20_000))
                    .hasMessageContaining("No space left on device");
            assertThat(names(disk.folder())).isNotEmpty().allMatch(name -> name.endsWith("-of-00004.safetensors"));
            assertThat(SafetensorsFolder.present(disk.folder())).isFalse();
        }
    }

    @Test
    void aMissingFolderIsNamed() {
        Path file = folder.resolve("missing/model.safetensors");
        assertThatThrownBy(() -> SafetensorsWriter.write(file, PT, List.of()))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageStartingWith("cannot write " + file);
    }

    private static Source ints(String name, int count) {
        int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = i;
        }
        return Source.of(name, Tensor.ofInts(values, count));
    }

    private static List<String> names(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
