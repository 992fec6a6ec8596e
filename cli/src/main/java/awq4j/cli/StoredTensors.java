package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.TensorFile;
import awq4j.format.TensorFolder;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufFile;
import awq4j.format.gguf.GgufFiles;
import awq4j.format.gguf.GgufTensor;
import awq4j.format.packed.PackedFile;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.tensor.Shape;
import awq4j.weight.LowRank;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The tensors of one or more files as their headers list them, of whatever element type.
 *
 * @param files by their names in the model's folder, with their sizes in bytes
 * @param tensors in the order of files and headers
 */
record StoredTensors(Map<String, Long> files, List<Row> tensors) {
    /**
     * One tensor.
     *
     * @param dtype as the file spells it
     */
    record Row(String name, String dtype, Shape shape, long bytes) {}

    /** How many tensors have an element type, and their bytes. */
    record Share(int tensors, long bytes) {}

    /** What the headers of a model folder, or of a GGUF file and its other parts, list. */
    static StoredTensors of(Path folder) throws IOException {
        if (Checkpoints.isGguf(folder)) {
            return ofGguf(folder);
        }
        Optional<TensorFolder> found = Checkpoints.tensors(folder);
        if (found.isEmpty()) {
            return ofFile(PackedFile.of(folder));
        }
        try (TensorFolder opened = found.get()) {
            return of(opened.path(), opened.files());
        }
    }

    /** What the header of a single file lists. */
    static StoredTensors ofFile(Path file) throws IOException {
        if (Checkpoints.isGguf(file)) {
            return ofGguf(file);
        }
        try (var opened = SafetensorsFile.open(file)) {
            return of(Path.of(""), List.of(opened));
        }
    }

    private static StoredTensors ofGguf(Path path) throws IOException {
        try (GgufFiles opened = GgufFiles.open(path)) {
            var files = new LinkedHashMap<String, Long>();
            var rows = new ArrayList<Row>();
            for (GgufFile file : opened.files()) {
                files.put(String.valueOf(file.path().getFileName()), Files.size(file.path()));
                for (GgufTensor tensor : file.tensors().values()) {
                    rows.add(new Row(tensor.name(), tensor.typeName(), tensor.shape(), tensor.sizeBytes()));
                }
            }
            return new StoredTensors(files, rows);
        }
    }

    private static StoredTensors of(Path folder, List<? extends TensorFile> opened) throws IOException {
        var files = new LinkedHashMap<String, Long>();
        var rows = new ArrayList<Row>();
        for (TensorFile file : opened) {
            // below the folder several files may have one name
            Path place = file.path().startsWith(folder)
                    ? folder.relativize(file.path())
                    : file.path().getFileName();
            files.put(String.valueOf(place), Files.size(file.path()));
            for (String name : file.names()) {
                rows.add(new Row(name, file.dtypeName(name), file.shape(name), file.sizeBytes(name)));
            }
        }
        return new StoredTensors(files, rows);
    }

    /** Bytes of all files. */
    long fileBytes() {
        return files.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Bytes of all tensors. */
    long tensorBytes() {
        return tensors.stream().mapToLong(Row::bytes).sum();
    }

    /** By element type, sorted by name. */
    Map<String, Share> types() {
        var types = new TreeMap<String, Share>();
        for (Row row : tensors) {
            types.merge(
                    row.dtype(),
                    new Share(1, row.bytes()),
                    (a, b) -> new Share(a.tensors() + b.tensors(), a.bytes() + b.bytes()));
        }
        return types;
    }

    /** Floats; what packed linears hold is not known without a configuration. */
    long parameters() {
        return floats(Set.of());
    }

    /** Numbers of the model: floats as they are, packed linears by their shape before. */
    long parameters(Checkpoint checkpoint) {
        var linears = new TreeSet<String>();
        var parts = new HashSet<String>();
        for (Row row : tensors) {
            String prefix = prefix(row.name());
            if (checkpoint.hasPacked(prefix) && linears.add(prefix)) {
                parts.addAll(checkpoint.matrixNames(prefix));
            }
        }
        return floats(parts)
                + linears.stream()
                        .mapToLong(linear -> packed(checkpoint, linear))
                        .sum();
    }

    private static long packed(Checkpoint checkpoint, String linear) {
        try {
            return checkpoint.matrixShape(linear).elements();
        } catch (UnsupportedModelException e) {
            return 0; // told elsewhere
        }
    }

    private long floats(Set<String> without) {
        return tensors.stream()
                .filter(row -> isNumbers(row.dtype()) && !row.name().endsWith("inv_freq"))
                .filter(row -> !without.contains(row.name()))
                .filter(row -> !LowRank.isFactor(row.name()))
                .mapToLong(row -> saturated(row.shape()))
                .sum();
    }

    /** Floats, or what GGUF files have in their place: codes whose shape is that of the numbers they stand for. */
    private static boolean isNumbers(String dtype) {
        return dtype.contains("F") || dtype.contains("Q");
    }

    /** A tensor's name without its last word. */
    static String prefix(String name) {
        return name.substring(0, Math.max(0, name.lastIndexOf('.')));
    }

    private static long saturated(Shape shape) {
        try {
            return shape.elements();
        } catch (ArithmeticException e) {
            return 0; // an element type that we do not know is not checked against its size
        }
    }
}
