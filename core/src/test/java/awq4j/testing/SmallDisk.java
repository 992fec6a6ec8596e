package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** A disk that is soon full: a tmpfs of a few blocks. Mounting needs a privileged user on Linux; others skip the test. */
public final class SmallDisk implements AutoCloseable {
    private final Path folder;

    private SmallDisk(Path folder) {
        this.folder = folder;
    }

    /**
     * Mounts a disk, or skips the calling test with the reason.
     *
     * @param bytes capacity, rounded up to whole pages
     */
    public static SmallDisk mount(long bytes) {
        try {
            Path folder = Files.createTempDirectory("awq4j-small-disk");
            String failure = run("mount", "-t", "tmpfs", "-o", "size=" + bytes, "tmpfs", folder.toString());
            if (!failure.isEmpty()) {
                Files.delete(folder);
            }
            Assumptions.assumeTrue(failure.isEmpty(), () -> "cannot mount a small disk here: " + failure);
            return new SmallDisk(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Where it is mounted. */
    public Path folder() {
        return folder;
    }

    /** Unmounts it. */
    @Override
    public void close() {
        String failure = run("umount", folder.toString());
        if (!failure.isEmpty()) {
            throw new IllegalStateException("cannot unmount " + folder + ": " + failure);
        }
        try {
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a command complains of; empty if it succeeds. */
    private static String run(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            int code = process.waitFor();
            return code == 0 ? "" : output.isEmpty() ? "exit code " + code : output;
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }
}
