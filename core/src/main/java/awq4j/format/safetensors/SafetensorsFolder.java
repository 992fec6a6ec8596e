package awq4j.format.safetensors;

import awq4j.format.MalformedFileException;
import awq4j.format.TensorFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The safetensors of a model folder: {@code model.safetensors}, or the shards that {@code model.safetensors.index.json}
 * lists, or the only {@code .safetensors} file there is.
 */
public final class SafetensorsFolder {
    /** The file of an unsharded model. */
    public static final String SINGLE = "model.safetensors";

    /** The file that maps tensors to shards. */
    public static final String INDEX = "model.safetensors.index.json";

    private SafetensorsFolder() {}

    /** Whether the folder has tensors that {@link #open} would read. */
    public static boolean present(Path folder) {
        return Files.isRegularFile(folder.resolve(SINGLE))
                || Files.isRegularFile(folder.resolve(INDEX))
                || loose(folder).size() == 1;
    }

    /**
     * Maps all files and checks that the index and they agree.
     *
     * @throws MalformedFileException if a shard is missing, damaged, or lacks a tensor that the index promises
     */
    public static TensorFolder open(Path folder) {
        if (Files.isRegularFile(folder.resolve(SINGLE))) {
            return TensorFolder.single(folder, SafetensorsFile.open(folder.resolve(SINGLE)));
        }
        Path index = folder.resolve(INDEX);
        if (Files.isRegularFile(index)) {
            return TensorFolder.sharded(folder, index, SafetensorsFile::open);
        }
        List<Path> loose = loose(folder);
        if (loose.size() == 1) {
            return TensorFolder.single(folder, SafetensorsFile.open(loose.getFirst()));
        }
        throw new MalformedFileException(
                folder, -1, "expected " + SINGLE + " or " + INDEX + ", found " + loose.size() + " .safetensors files");
    }

    private static List<Path> loose(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.filter(path -> path.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e.getMessage(), e);
        }
    }
}
