package awq4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** A folder for a command's own files. It is gone when the command ends, however it ends, unless it was kept. */
final class WorkingFolder implements AutoCloseable {
    private final Path path;
    private final Interruption.Registration registration;

    private WorkingFolder(Path path, Interruption interruption) {
        this.path = path;
        registration = interruption.onInterrupt(this::deleteQuietly);
    }

    /**
     * Makes one.
     *
     * @param destination what it may become by {@link #keep}, so it is made beside that; null to use the system's
     *     folder for temporary files
     * @throws FileAlreadyExistsException if the destination exists
     */
    static WorkingFolder create(@Nullable Path destination, Interruption interruption) throws IOException {
        if (destination == null) {
            return new WorkingFolder(Files.createTempDirectory("awq4j-"), interruption);
        }
        if (Files.exists(destination)) {
            throw new FileAlreadyExistsException(destination.toString());
        }
        Path parent = destination.toAbsolutePath().getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new NoSuchFileException(String.valueOf(parent));
        }
        return new WorkingFolder(Files.createTempDirectory(parent, ".awq4j-"), interruption);
    }

    Path path() {
        return path;
    }

    /** Gives the folder its lasting name; it is whole now. */
    void keep(Path destination) throws IOException {
        Files.move(path, destination, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void close() {
        registration.close();
        try {
            delete();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** While the command may still be writing: what appears meanwhile is deleted in the next round. */
    private void deleteQuietly() {
        boolean gone = false;
        for (int round = 0; round < 10 && !gone; round++) {
            try {
                delete();
                gone = !Files.exists(path);
            } catch (IOException e) {
                gone = false;
            }
        }
    }

    private void delete() throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        Files.walkFileTree(path, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE; // gone by itself meanwhile
                }
                throw failure;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
                Files.deleteIfExists(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
