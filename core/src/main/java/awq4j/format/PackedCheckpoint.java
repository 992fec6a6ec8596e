package awq4j.format;

import awq4j.format.packed.PackedFile;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A folder with {@code config.json} and a file of packed weights that holds the whole model. */
final class PackedCheckpoint implements Checkpoint {
    private final Path path;
    private final Config config;
    private final PackedFile file;

    private PackedCheckpoint(Path path, Config config, PackedFile file) {
        this.path = path;
        this.config = config;
        this.file = file;
    }

    static PackedCheckpoint open(Path folder, Config config) {
        PackedFile file = PackedFile.open(folder);
        if (file.model().isEmpty()) {
            file.close();
            throw new MalformedFileException(
                    file.path(),
                    -1,
                    "is the only file of weights in its folder, and holds packed matrices only: the weights that it was"
                            + " made from are missing");
        }
        return new PackedCheckpoint(folder, config, file);
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public Config config() {
        return config;
    }

    @Override
    public Optional<Quantization> quantization() {
        return file.model();
    }

    @Override
    public Set<String> names() {
        return file.names();
    }

    @Override
    public Tensor tensor(String name) {
        if (!has(name)) {
            throw new UnsupportedModelException(file.path() + " has no tensor " + name);
        }
        return file.tensor(name);
    }

    @Override
    public boolean hasLinear(String prefix) {
        return has(prefix + ".weight") || packed(prefix);
    }

    /** Whether the matrix is there in the kernels' order, whole or in parts: those have a word behind its name. */
    private boolean packed(String prefix) {
        return file.find(prefix).isPresent()
                || names().stream()
                        .anyMatch(name -> name.startsWith(prefix + ".")
                                && name.lastIndexOf('.') == prefix.length()
                                && file.find(name).isPresent());
    }

    /** Plain ones only: what order packed ones are in, kernels know. */
    @Override
    public Weight linear(String prefix) {
        if (!has(prefix + ".weight") && packed(prefix)) {
            throw new UnsupportedModelException(file.path() + " holds " + prefix
                    + " in an order of these kernels' own, and nothing else: convert, evaluate or run the model that it"
                    + " was made from");
        }
        return HuggingFaceCheckpoint.plain(file.path(), prefix, tensor(prefix + ".weight"));
    }

    @Override
    public Optional<PackedFile> packed() {
        return Optional.of(file);
    }

    @Override
    public List<Path> files() {
        return List.of(config.file(), file.path());
    }

    @Override
    public void close() {
        file.close();
    }
}
