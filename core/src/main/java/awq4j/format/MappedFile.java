package awq4j.format;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Function;

/** A whole file, mapped to be read by any thread. */
public final class MappedFile implements AutoCloseable {
    private final Path path;
    private final Arena arena;
    private final MemorySegment memory;

    private MappedFile(Path path, Arena arena, MemorySegment memory) {
        this.path = path;
        this.arena = arena;
        this.memory = memory;
    }

    /**
     * Maps a file and makes something of it.
     *
     * @param reading looks at the file; the file stays mapped for its result, and is closed if it throws
     * @throws MalformedFileException if it is a folder, or if {@code reading} finds fault with it
     * @throws UncheckedIOException if it cannot be read
     */
    public static <T> T open(Path path, Function<MappedFile, T> reading) {
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            if (Files.isDirectory(path)) {
                throw new MalformedFileException(path, -1, "expected a file, found a folder");
            }
            MemorySegment memory = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
            T made = reading.apply(new MappedFile(path, arena, memory));
            opened = true;
            return made;
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    /** The file. */
    public Path path() {
        return path;
    }

    /** Its bytes, valid until {@link #close}. */
    public MemorySegment memory() {
        return memory;
    }

    /** Unmaps it, unless that is done. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
