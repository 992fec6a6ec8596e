package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFileTest {
    private static final byte[] HEADER = {9, 9, 9, 9};

    @TempDir
    private Path folder;

    @Test
    void tensorsRepeatTheirCycleAndArePadded() throws IOException {
        byte[] cycle = {1, 2, 3, 4, 5, 6};
        var file = new ModelFile(HEADER, List.of(TensorData.cut(cycle, 2, 5, 1), TensorData.ones(1)), 4);
        Path path = folder.resolve("model");
        file.writeOnce(path);
        assertThat(Files.readAllBytes(path))
                .hasSize((int) file.sizeBytes())
                .startsWith(HEADER)
                .endsWith(new byte[] {0, 0, 0, 0, (byte) 0x80, 0x3F});
        assertThat(folder).isDirectoryContaining(left -> left.equals(path)).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void wholeFileIsKeptAndPartOfOneReplaced() throws IOException {
        var file = new ModelFile(HEADER, List.of(TensorData.ones(2)), 4);
        Path path = folder.resolve("model");
        Files.write(path, new byte[12]);
        file.writeOnce(path);
        assertThat(path).hasBinaryContent(new byte[12]);
        Files.write(path, new byte[11]);
        file.writeOnce(path);
        assertThat(Files.readAllBytes(path)).hasSize(12).startsWith(HEADER);
    }

    @Test
    void tensorLongerThanAPieceIsWhole() {
        byte[] cycle = new byte[1000];
        for (int i = 0; i < cycle.length; i++) {
            cycle[i] = (byte) (i % 251);
        }
        var data = TensorData.cut(cycle, 1, 3_000_000, 3);
        byte[] first = new byte[2000];
        data.copy(0, first, first.length);
        byte[] later = new byte[100];
        data.copy(2_000_500, later, later.length);
        for (int i = 0; i < later.length; i++) {
            assertThat(later[i]).isEqualTo(first[500 + i]);
        }
    }
}
