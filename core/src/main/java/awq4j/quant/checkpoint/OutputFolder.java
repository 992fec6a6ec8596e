package awq4j.quant.checkpoint;

import awq4j.format.Checkpoints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;

/** Where the result goes: it appears there whole, by one rename, or not at all. */
final class OutputFolder {
    private final Path path;
    private final boolean force;

    private OutputFolder(Path path, boolean force) {
        this.path = path;
        this.force = force;
    }

    /**
     * Checks that a result may go to {@code output}.
     *
     * @param force whether a model that lies there may be replaced
     * @throws IllegalArgumentException if it would touch the source, or replace what must not be replaced
     */
    static OutputFolder of(Path output, Path source, boolean force) {
        try {
            Path path = output.toAbsolutePath().normalize();
            if (path.getParent() == null) {
                throw new IllegalArgumentException("output " + output + " is the root of the file system");
            }
            Path real = resolved(path);
            Path origin = source.toRealPath();
            if (real.startsWith(origin) || origin.startsWith(real)) {
                throw new IllegalArgumentException("output " + output + " and model " + source
                        + (real.equals(origin) ? " are the same folder" : " lie in each other")
                        + ": the model is only read; give another folder");
            }
            var folder = new OutputFolder(path, force);
            folder.requireFree(output);
            Files.createDirectories(path.getParent());
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The real path of something whose last folders may not exist yet. */
    private static Path resolved(Path path) throws IOException {
        Path existing = path;
        while (existing.getParent() != null && !Files.exists(existing)) {
            existing = existing.getParent();
        }
        return existing.toRealPath().resolve(existing.relativize(path)).normalize();
    }

    private void requireFree(Path named) throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        if (!Files.isDirectory(path)) {
            throw new IllegalArgumentException("output " + named + " is a file, expected a folder or nothing");
        }
        if (isEmpty(path)) {
            return;
        }
        if (!force) {
            throw new IllegalArgumentException(
                    "output " + named + " exists and is not empty; give another folder, or --force to replace it");
        }
        if (!Files.exists(path.resolve(Checkpoints.CONFIG))) {
            throw new IllegalArgumentException(
                    "output " + named + " exists and holds no model; only a model is replaced, remove it yourself");
        }
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        }
    }

    Path path() {
        return path;
    }

    /** Bytes free where it goes. */
    long usableBytes() {
        try {
            return Files.getFileStore(path.getParent()).getUsableSpace();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Gives a finished folder the output's name; what is replaced is removed afterwards. */
    void publish(Path finished) {
        Path old = path.resolveSibling("." + path.getFileName() + ".old");
        try {
            requireFree(path); // somebody may have come first meanwhile
            WorkFolder.delete(old);
            boolean replaces = Files.exists(path);
            if (replaces) {
                Files.move(path, old, StandardCopyOption.ATOMIC_MOVE);
            }
            boolean moved = false;
            try {
                Files.move(finished, path, StandardCopyOption.ATOMIC_MOVE);
                moved = true;
            } finally {
                if (!moved && replaces) {
                    Files.move(old, path, StandardCopyOption.ATOMIC_MOVE);
                }
            }
            WorkFolder.delete(old);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
