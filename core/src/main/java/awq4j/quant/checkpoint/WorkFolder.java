package awq4j.quant.checkpoint;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What an unfinished run has so far, in a hidden folder beside the output: {@code .NAME.partial}.
 *
 * <p>{@code state.json} says what is being made of what; {@code block-I.safetensors} is there when block I is done, its
 * recipe and the hidden states behind it having been written before. Every file takes its name when it is whole, so
 * the process may end at any moment.
 */
final class WorkFolder implements AutoCloseable {
    private static final String STATE = "state.json";
    private static final int VERSION = 1;

    private final Path folder;
    private final FileChannel channel;
    private final @Nullable FileLock lock;

    private WorkFolder(Path folder, FileChannel channel, @Nullable FileLock lock) {
        this.folder = folder;
        this.channel = channel;
        this.lock = lock;
    }

    /** Where a run that makes {@code output} keeps what it has. */
    static Path of(Path output) {
        return output.resolveSibling("." + output.getFileName() + ".partial");
    }

    /**
     * Enters the folder, which is created if need be, and keeps others out.
     *
     * @param run what is being made of what; an unfinished run with other entries is refused
     * @param restart whether to forget an unfinished run
     * @throws IllegalArgumentException if there is an unfinished run of another kind, or one is at work
     */
    static WorkFolder enter(Path output, SortedMap<String, String> run, boolean restart) {
        Path folder = of(output);
        try {
            Files.createDirectories(folder);
            FileChannel channel =
                    FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            boolean entered = false;
            try {
                var work = new WorkFolder(folder, channel, lock(channel, output));
                if (restart) {
                    work.clear();
                }
                work.adopt(run);
                entered = true;
                return work;
            } finally {
                if (!entered) {
                    channel.close();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static FileLock lock(FileChannel channel, Path output) throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            throw new IllegalArgumentException("another process is making " + output + " right now");
        }
        return lock;
    }

    private void adopt(SortedMap<String, String> run) {
        Path state = folder.resolve(STATE);
        if (!Files.exists(state)) {
            clear();
            WholeFile.writeJson(state, Map.of("version", VERSION, "run", run));
            return;
        }
        Config config = Config.read(state);
        var found = new TreeMap<String, String>();
        Config stated = config.section("run")
                .orElseThrow(() -> new MalformedFileException(state, -1, "is not the state of an unfinished run"));
        stated.json().propertyNames().forEach(key -> found.put(key, stated.text(key)));
        if (config.integer("version") != VERSION || !found.equals(run)) {
            throw new IllegalArgumentException(folder + " holds an unfinished run with other settings ("
                    + differences(found, run) + "): run it again with those, or start over with --restart");
        }
    }

    private static String differences(Map<String, String> found, Map<String, String> wanted) {
        var keys = new java.util.TreeSet<>(found.keySet());
        keys.addAll(wanted.keySet());
        var texts = new java.util.ArrayList<String>();
        for (String key : keys) {
            String before = brief(found.get(key));
            String now = brief(wanted.get(key));
            if (!before.equals(now)) {
                texts.add(key + " was " + before + ", is " + now);
            }
        }
        return texts.isEmpty() ? "made by another version of the program" : String.join("; ", texts);
    }

    private static String brief(@Nullable String value) {
        return value == null ? "none" : value.length() > 40 ? value.substring(0, 12) + "..." : value;
    }

    /** The folder that the finished model is put together in. */
    Path model() {
        return folder.resolve("model");
    }

    Path block(int index) {
        return folder.resolve(String.format(Locale.ROOT, "block-%05d.safetensors", index));
    }

    /** Where a block is written and checked before it counts as done. */
    Path draft() {
        return folder.resolve("draft.safetensors");
    }

    /** Makes a draft the finished block; its own input is not needed any more. */
    void finish(Path draft, int index) {
        try {
            Files.move(draft, block(index), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            Files.deleteIfExists(hidden(index));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Path recipe(int index) {
        return folder.resolve(String.format(Locale.ROOT, "recipe-%05d.safetensors", index));
    }

    private Path hidden(int index) {
        return folder.resolve(String.format(Locale.ROOT, "hidden-%05d.safetensors", index));
    }

    /** How many blocks are done. */
    int finished() {
        int count = 0;
        while (Files.exists(block(count))) {
            count++;
        }
        return count;
    }

    /** Keeps what flows into block {@code index}, [tokens, hidden]. */
    void keepHidden(int index, float[] values, int tokens) {
        SafetensorsWriter.write(
                hidden(index),
                Map.of(),
                java.util.List.of(Source.of("hidden", Tensor.ofFloats(values, tokens, values.length / tokens))));
    }

    /** What flows into block {@code index}. */
    float[] hiddenOf(int index) {
        try (SafetensorsFile file = SafetensorsFile.open(hidden(index))) {
            return file.tensor("hidden").toFloats();
        }
    }

    /** Bytes that lie here already. */
    long sizeBytes() {
        try (var files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void clear() {
        try (var entries = Files.list(folder)) {
            for (Path entry : entries.toList()) {
                if (!entry.endsWith("lock")) {
                    delete(entry);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Creates a folder. */
    static void create(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Removes the folder with all that is in it, and leaves it. */
    void remove() {
        close();
        delete(folder);
    }

    /** Deletes a file, or a folder with all that is in it; links are not followed. */
    static void delete(Path path) {
        if (!Files.exists(path, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try {
            Files.walkFileTree(path, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure)
                        throws IOException {
                    if (failure != null) {
                        throw failure;
                    }
                    Files.delete(visited);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Leaves the folder as it is. */
    @Override
    public void close() {
        try {
            if (lock != null && lock.isValid()) {
                lock.release();
            }
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
