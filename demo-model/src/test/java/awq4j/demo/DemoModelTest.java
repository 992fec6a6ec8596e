package awq4j.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoModelTest {
    /** As they stand in the repository; the build must not touch them. */
    private static final Path SOURCES =
            Path.of(System.getProperty("awq4j.root", ".."), "demo-model/src/main/resources/awq4j/demo");

    @TempDir
    private Path folder;

    @Test
    void unpackedFilesAreThoseOfTheRepository() throws IOException {
        Path model = DemoModel.unpack(folder.resolve("model"));
        for (String name : DemoModel.files()) {
            assertThat(model.resolve(name)).hasSameBinaryContentAs(SOURCES.resolve(name));
        }
        assertThat(names(model)).containsExactlyInAnyOrderElementsOf(DemoModel.files());
        assertThat(names(folder)).containsExactly("model");
    }

    @Test
    void textsAreThoseOfTheRepository() throws IOException {
        assertThat(DemoModel.heldOut()).isEqualTo(Files.readString(SOURCES.resolve("heldout.txt")));
        assertThat(DemoModel.calibration()).isEqualTo(Files.readString(SOURCES.resolve("calibration.txt")));
    }

    @Test
    void anExistingFolderIsLeftAlone() throws IOException {
        Path mine = Files.createDirectory(folder.resolve("model"));
        assertThatThrownBy(() -> DemoModel.unpack(mine)).isInstanceOf(FileAlreadyExistsException.class);
        assertThat(mine).isEmptyDirectory();
    }

    @Test
    void aMissingParentIsAnError() {
        assertThatThrownBy(() -> DemoModel.unpack(folder.resolve("missing/model")))
                .isInstanceOf(NoSuchFileException.class);
        assertThat(folder).isEmptyDirectory();
    }

    private static Stream<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        }
    }
}
