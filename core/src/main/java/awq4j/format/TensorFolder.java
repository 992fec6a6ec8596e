package awq4j.format;

import awq4j.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The tensors of a model folder: one file of them, or the shards that an index lists. Experts that lie in one tensor
 * appear as tensors of their own, in its place.
 */
public final class TensorFolder implements AutoCloseable {
    private final Path folder;
    private final List<TensorFile> files;
    private final Map<String, Supplier<Tensor>> places;

    private TensorFolder(Path folder, List<TensorFile> files, Map<String, TensorFile> stored) {
        this.folder = folder;
        this.files = files;
        var places = new LinkedHashMap<String, Supplier<Tensor>>();
        stored.forEach((name, file) -> FusedExperts.of(name)
                .filter(form -> form.fits(file.shape(name), file.sizeBytes(name)))
                .ifPresentOrElse(
                        form -> form.put(name, file, places), () -> places.put(name, () -> file.tensor(name))));
        this.places = Collections.unmodifiableMap(places);
    }

    /** The tensors of one file, which is closed with the folder. */
    public static TensorFolder single(Path folder, TensorFile file) {
        return of(folder, List.of(file));
    }

    /** The tensors of some files, which are closed with the folder; no two have the same name. */
    public static TensorFolder of(Path folder, List<TensorFile> files) {
        var places = new LinkedHashMap<String, TensorFile>();
        files.forEach(file -> file.names().forEach(name -> places.put(name, file)));
        return new TensorFolder(folder, List.copyOf(files), places);
    }

    /**
     * The tensors that an index puts into files beside it.
     *
     * @param index a JSON file whose {@code weight_map} names the file of each tensor
     * @param opener opens such a file
     * @throws MalformedFileException if a shard is missing, damaged, or lacks a tensor that the index promises
     */
    public static TensorFolder sharded(Path folder, Path index, Function<Path, TensorFile> opener) {
        Config map = Config.read(index)
                .section("weight_map")
                .orElseThrow(() -> new MalformedFileException(index, -1, "has no \"weight_map\""));
        var opened = new LinkedHashMap<String, TensorFile>();
        boolean complete = false;
        try {
            var places = new LinkedHashMap<String, TensorFile>();
            for (String name : map.json().propertyNames()) {
                String shard = map.text(name);
                TensorFile file = opened.get(shard);
                if (file == null) {
                    file = opener.apply(shard(folder, index, shard));
                    opened.put(shard, file);
                }
                if (!file.names().contains(name)) {
                    throw new MalformedFileException(
                            index,
                            -1,
                            "puts tensor " + MalformedFileException.shown(name) + " into " + shard
                                    + ", which does not have it");
                }
                places.put(name, file);
            }
            if (places.isEmpty()) {
                throw new MalformedFileException(index, -1, "\"weight_map\" names no tensor");
            }
            complete = true;
            return new TensorFolder(folder, List.copyOf(opened.values()), places);
        } finally {
            if (!complete) {
                opened.values().forEach(TensorFile::close);
            }
        }
    }

    private static Path shard(Path folder, Path index, String shard) {
        // an index is untrusted: it may name only files beside itself
        if (!beside(shard)) {
            throw new MalformedFileException(
                    index,
                    -1,
                    "names the shard \"" + MalformedFileException.shown(shard) + "\", expected a file beside it");
        }
        Path path = folder.resolve(shard);
        if (!Files.isRegularFile(path)) {
            throw new MalformedFileException(index, -1, "names the shard " + shard + ", which is missing in " + folder);
        }
        return path;
    }

    private static boolean beside(String shard) {
        return !shard.isEmpty()
                && !shard.equals(".")
                && !shard.equals("..")
                && shard.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    }

    /** The folder. */
    public Path path() {
        return folder;
    }

    /** The files, in the order of their first tensor. */
    public List<TensorFile> files() {
        return files;
    }

    /** All tensor names. */
    public Set<String> names() {
        return places.keySet();
    }

    /**
     * One tensor, valid until {@link #close}.
     *
     * @throws IllegalArgumentException if there is none of that name
     */
    public Tensor tensor(String name) {
        Supplier<Tensor> place = places.get(name);
        if (place == null) {
            throw new IllegalArgumentException(folder.getFileName() + " has no tensor " + name);
        }
        return place.get();
    }

    @Override
    public void close() {
        files.forEach(TensorFile::close);
    }
}
