package awq4j.format.safetensors;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The tensors of a model folder: {@code model.safetensors}, or the shards that {@code model.safetensors.index.json}
 * lists, or the only {@code .safetensors} file there is.
 */
public final class SafetensorsFolder implements AutoCloseable {
    /** The file of an unsharded model. */
    public static final String SINGLE = "model.safetensors";

    /** The file that maps tensors to shards. */
    public static final String INDEX = "model.safetensors.index.json";

    private final Path folder;
    private final List<SafetensorsFile> files;
    private final Map<String, SafetensorsFile> places;

    private SafetensorsFolder(Path folder, List<SafetensorsFile> files, Map<String, SafetensorsFile> places) {
        this.folder = folder;
        this.files = files;
        this.places = Collections.unmodifiableMap(places);
    }

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
    public static SafetensorsFolder open(Path folder) {
        if (Files.isRegularFile(folder.resolve(SINGLE))) {
            return single(folder, folder.resolve(SINGLE));
        }
        Path index = folder.resolve(INDEX);
        if (Files.isRegularFile(index)) {
            return sharded(folder, index);
        }
        List<Path> loose = loose(folder);
        if (loose.size() == 1) {
            return single(folder, loose.getFirst());
        }
        throw new MalformedFileException(
                folder, -1, "expected " + SINGLE + " or " + INDEX + ", found " + loose.size() + " .safetensors files");
    }

    private static SafetensorsFolder single(Path folder, Path path) {
        SafetensorsFile file = SafetensorsFile.open(path);
        var places = new LinkedHashMap<String, SafetensorsFile>();
        file.names().forEach(name -> places.put(name, file));
        return new SafetensorsFolder(folder, List.of(file), places);
    }

    private static SafetensorsFolder sharded(Path folder, Path index) {
        Config map = Config.read(index)
                .section("weight_map")
                .orElseThrow(() -> new MalformedFileException(index, -1, "has no \"weight_map\""));
        var opened = new LinkedHashMap<String, SafetensorsFile>();
        boolean complete = false;
        try {
            var places = new LinkedHashMap<String, SafetensorsFile>();
            for (String name : map.json().propertyNames()) {
                String shard = map.text(name);
                SafetensorsFile file = opened.get(shard);
                if (file == null) {
                    file = shard(folder, index, shard);
                    opened.put(shard, file);
                }
                if (!file.names().contains(name)) {
                    throw new MalformedFileException(
                            index,
                            -1,
                            "puts tensor " + HeaderReader.shown(name) + " into " + shard + ", which does not have it");
                }
                places.put(name, file);
            }
            if (places.isEmpty()) {
                throw new MalformedFileException(index, -1, "\"weight_map\" names no tensor");
            }
            complete = true;
            return new SafetensorsFolder(folder, List.copyOf(opened.values()), places);
        } finally {
            if (!complete) {
                opened.values().forEach(SafetensorsFile::close);
            }
        }
    }

    private static SafetensorsFile shard(Path folder, Path index, String shard) {
        // an index is untrusted: it may name only files beside itself
        if (!beside(shard)) {
            throw new MalformedFileException(
                    index, -1, "names the shard \"" + HeaderReader.shown(shard) + "\", expected a file beside it");
        }
        Path path = folder.resolve(shard);
        if (!Files.isRegularFile(path)) {
            throw new MalformedFileException(index, -1, "names the shard " + shard + ", which is missing in " + folder);
        }
        return SafetensorsFile.open(path);
    }

    private static boolean beside(String shard) {
        return !shard.isEmpty()
                && !shard.equals(".")
                && !shard.equals("..")
                && shard.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
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

    /** The folder. */
    public Path path() {
        return folder;
    }

    /** The files, in the order of their first tensor. */
    public List<SafetensorsFile> files() {
        return files;
    }

    /** All tensor names. */
    public Set<String> names() {
        return places.keySet();
    }

    /**
     * A view of one tensor, valid until {@link #close}.
     *
     * @throws IllegalArgumentException if there is none of that name
     */
    public Tensor tensor(String name) {
        SafetensorsFile file = places.get(name);
        if (file == null) {
            throw new IllegalArgumentException(folder.getFileName() + " has no tensor " + name);
        }
        return file.tensor(name);
    }

    @Override
    public void close() {
        files.forEach(SafetensorsFile::close);
    }
}
