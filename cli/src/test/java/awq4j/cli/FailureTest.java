package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.MalformedFileException;
import awq4j.kernel.BackendException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;

class FailureTest {
    @Test
    void interruptionHasItsOwnCode() {
        assertThat(Failure.of(new InterruptedException()).code()).isEqualTo(130);
        assertThat(Failure.of(new CancellationException()).code()).isEqualTo(130);
    }

    @Test
    void aDamagedFileIsNamed() {
        assertThat(Failure.of(new MalformedFileException(Path.of("a/config.json"), 12, "not JSON")))
                .isEqualTo(new Failure(1, "config.json @ 12: not JSON"));
    }

    @Test
    void theMachinesFailureIsToldAsItIs() {
        assertThat(sentence(new BackendException("no vector unit"))).isEqualTo("no vector unit");
    }

    @Test
    void aFullDiskSaysWhatToDo() {
        var full = new FileSystemException("/out/model.safetensors", null, "No space left on device");
        assertThat(sentence(new UncheckedIOException(full)))
                .startsWith("the disk is full while writing /out/model.safetensors; free some space");
        assertThat(sentence(new IOException("No space left on device"))).startsWith("the disk is full; ");
    }

    @Test
    void filesThatCannotBeReadAreNamed() {
        assertThat(sentence(new NoSuchFileException("text.txt"))).isEqualTo("no such file: text.txt");
        assertThat(sentence(new AccessDeniedException("text.txt"))).isEqualTo("permission denied: text.txt");
    }

    @Test
    void tooLittleMemorySaysHowToGetMore() {
        assertThat(sentence(new OutOfMemoryError("Java heap space")))
                .startsWith("out of memory: the Java heap (")
                .contains("AWQ4J_JAVA_OPTS=-Xmx");
        assertThat(sentence(new OutOfMemoryError("unable to create native thread: possibly out of memory")))
                .contains("--threads 1");
    }

    /** Reading a mapped file behind its new end is an error of the virtual machine. */
    @Test
    void aFileThatShrankIsTold() {
        assertThat(sentence(new InternalError("a fault occurred in an unsafe memory access operation")))
                .startsWith("a file became shorter, or its disk failed, while it was read");
    }

    @Test
    void namesInMessagesCannotMoveTheCursor() {
        assertThat(sentence(new IllegalArgumentException("tensor a\u001b[2Jb\u0007")))
                .isEqualTo("tensor a?[2Jb?");
    }

    @Test
    void whatNobodyForesawIsCalledInternal() {
        assertThat(sentence(new NullPointerException("x is null")))
                .isEqualTo("internal error: java.lang.NullPointerException: x is null;"
                        + " run again with --trace to see where");
    }

    @Test
    void aSentenceStaysOnOneLine() {
        assertThat(sentence(new IllegalArgumentException("one\n  two\n"))).isEqualTo("one two");
    }

    private static String sentence(Throwable thrown) {
        return Failure.of(thrown).sentence();
    }
}
