package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkingFolderTest {
    @TempDir
    private Path folder;

    private final Interruption interruption = new Interruption();

    @Test
    void itIsGoneWithAllThatIsInItWhenItCloses() throws IOException {
        Path path;
        try (var working = WorkingFolder.create(null, interruption)) {
            path = working.path();
            Files.createDirectories(path.resolve("a/b"));
            Files.writeString(path.resolve("a/b/c.txt"), "text");
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void whatIsKeptTakesItsNameAndNothingIsLeftBeside() throws IOException {
        Path kept = folder.resolve("kept");
        try (var working = WorkingFolder.create(kept, interruption)) {
            Files.writeString(working.path().resolve("a.txt"), "text");
            assertThat(kept).doesNotExist();
            working.keep(kept);
        }
        assertThat(kept.resolve("a.txt")).hasContent("text");
        assertThat(folder).isDirectoryNotContaining(path -> !path.equals(kept));
    }

    @Test
    void anInterruptedCommandLeavesNothing() throws IOException {
        var working = WorkingFolder.create(folder.resolve("kept"), interruption);
        Files.writeString(working.path().resolve("a.txt"), "text");
        Thread.currentThread().interrupt(); // not to wait for the command, which never ends here
        interruption.arrive();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(folder).isEmptyDirectory();
        working.close();
    }

    @Test
    void linksAreDeletedNotFollowed() throws IOException {
        Path mine = Files.writeString(folder.resolve("mine.txt"), "mine");
        try (var working = WorkingFolder.create(null, interruption)) {
            Files.createSymbolicLink(working.path().resolve("link"), folder);
        }
        assertThat(mine).hasContent("mine");
    }

    @Test
    void anExistingDestinationIsRefused() {
        assertThatThrownBy(() -> WorkingFolder.create(folder, interruption))
                .isInstanceOf(FileAlreadyExistsException.class);
        assertThatThrownBy(() -> WorkingFolder.create(folder.resolve("a/b"), interruption))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessage(folder.resolve("a").toString());
    }
}
