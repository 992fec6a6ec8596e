package awq4j.format;

import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** A folder with {@code config.json} and tensors in files of one kind. */
final class HuggingFaceCheckpoint implements Checkpoint {
    /** Words of tensors that are parts of packed linears, whatever the configuration says. */
    private static final List<String> MARKS = List.of("qweight", "weight_packed", "weight_int4");

    private final Path path;
    private final Config config;
    private final Optional<QuantizationConfig> quantization;
    private final TensorFolder tensors;

    private HuggingFaceCheckpoint(
            Path path, Config config, Optional<QuantizationConfig> quantization, TensorFolder tensors) {
        this.path = path;
        this.config = config;
        this.quantization = quantization;
        this.tensors = tensors;
    }

    /** @param tensors closed with the checkpoint, and if there is none */
    static HuggingFaceCheckpoint open(Path folder, Config config, TensorFolder tensors) {
        boolean opened = false;
        try {
            Optional<QuantizationConfig> quantization =
                    QuantizationConfig.of(folder, config).or(() -> UnstatedPacking.of(tensors));
            var checkpoint = new HuggingFaceCheckpoint(folder, config, quantization, tensors);
            opened = true;
            return checkpoint;
        } finally {
            if (!opened) {
                tensors.close();
            }
        }
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
        return quantization.map(QuantizationConfig::stated);
    }

    @Override
    public Optional<LinearPacking> packing() {
        return quantization.map(QuantizationConfig::packing);
    }

    @Override
    public Set<String> names() {
        return tensors.names();
    }

    @Override
    public Tensor tensor(String name) {
        if (!has(name)) {
            throw new UnsupportedModelException(path.getFileName() + " has no tensor " + name + closest(name));
        }
        return tensors.tensor(name);
    }

    @Override
    public boolean hasLinear(String prefix) {
        return has(prefix + ".weight") || MARKS.stream().anyMatch(mark -> has(prefix + "." + mark));
    }

    @Override
    public Weight linear(String prefix) {
        // what is stored decides, not modules_to_not_convert: older files leave that list out
        if (hasPacked(prefix)) {
            Weight unpacked = packing().orElseThrow().unpack(prefix, parts(prefix));
            // it is a copy: the file's pages need not stay in memory beside it
            matrixNames(prefix).forEach(name -> tensor(name).unload());
            return unpacked;
        }
        for (String mark : MARKS) {
            if (has(prefix + "." + mark)) {
                throw new MalformedFileException(
                        config.file(),
                        -1,
                        packing()
                                .map(stated ->
                                        "states the packing " + stated.label() + ", but " + prefix + " has a " + mark)
                                .orElse("has no quantization_config, but " + prefix + " is packed"));
            }
        }
        return plain(path, prefix, tensor(prefix + ".weight"));
    }

    /** A stored matrix of floats as a linear's. */
    static Weight plain(Path path, String prefix, Tensor tensor) {
        if (tensor.shape().rank() != 2) {
            throw new UnsupportedModelException(prefix + ".weight: expected [rows, columns], found " + tensor.shape());
        }
        if (!tensor.dtype().isFloat()) {
            throw new UnsupportedModelException(prefix + ".weight: expected floats, found " + tensor.dtype());
        }
        Tensor usable = tensor.dtype() == DType.F64 ? tensor.as(DType.F32) : tensor;
        int rows = extent(path, prefix, tensor, 0);
        int columns = extent(path, prefix, tensor, 1);
        return new Weight(prefix, rows, columns, new Dense(usable.dtype()), usable.data(), null, null);
    }

    private static int extent(Path path, String prefix, Tensor tensor, int axis) {
        long extent = tensor.shape().dim(axis);
        if (extent < 1 || extent > Integer.MAX_VALUE) {
            throw new MalformedFileException(
                    path, -1, prefix + ".weight: expected extents from 1 to 2^31 - 1, found " + tensor.shape());
        }
        return (int) extent;
    }

    @Override
    public List<Path> files() {
        return Stream.concat(Stream.of(config.file()), tensors.files().stream().map(TensorFile::path))
                .toList();
    }

    @Override
    public void close() {
        tensors.close();
    }

    private String closest(String name) {
        List<String> close = names().stream()
                .sorted(Comparator.comparingInt((String other) -> -shared(name, other))
                        .thenComparing(Comparator.naturalOrder()))
                .limit(3)
                .toList();
        return close.isEmpty() ? ": it has none at all" : "; it has " + String.join(", ", close);
    }

    private static int shared(String a, String b) {
        int prefix = 0;
        while (prefix < a.length() && prefix < b.length() && a.charAt(prefix) == b.charAt(prefix)) {
            prefix++;
        }
        int suffix = 0;
        while (suffix < a.length() - prefix
                && suffix < b.length() - prefix
                && a.charAt(a.length() - 1 - suffix) == b.charAt(b.length() - 1 - suffix)) {
            suffix++;
        }
        return prefix + suffix;
    }
}
