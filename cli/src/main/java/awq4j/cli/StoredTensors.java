package awq4j.cli;

import awq4j.format.Checkpoints;
import awq4j.format.TensorFile;
import awq4j.format.TensorFolder;
import awq4j.format.packed.PackedFile;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The tensors of one or more files as their headers list them, of whatever element type.
 *
 * @param files by name, with their sizes in bytes
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

    /** What the headers of a model folder list. */
    static StoredTensors of(Path folder) throws IOException {
        Optional<TensorFolder> found = Checkpoints.tensors(folder);
        if (found.isEmpty()) {
            return ofFile(PackedFile.of(folder));
        }
        try (TensorFolder opened = found.get()) {
            return of(opened.files());
        }
    }

    /** What the header of a single file lists. */
    static StoredTensors ofFile(Path file) throws IOException {
        try (var opened = SafetensorsFile.open(file)) {
            return of(List.of(opened));
        }
    }

    private static StoredTensors of(List<? extends TensorFile> opened) throws IOException {
        var files = new LinkedHashMap<String, Long>();
        var rows = new ArrayList<Row>();
        for (TensorFile file : opened) {
            files.put(String.valueOf(file.path().getFileName()), Files.size(file.path()));
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

    /**
     * Numbers of the model, as far as tensors alone tell: floats as they are, packed linears by their shape before.
     */
    long parameters() {
        var byName = new LinkedHashMap<String, Row>();
        tensors.forEach(row -> byName.put(row.name(), row));
        long count = 0;
        for (Row row : tensors) {
            int dot = row.name().lastIndexOf('.');
            String prefix = row.name().substring(0, Math.max(0, dot));
            boolean packed = byName.containsKey(prefix + ".qweight");
            if (row.name().endsWith(".qweight") && row.shape().rank() == 2) {
                Row scales = byName.get(prefix + ".scales");
                count += scales == null || scales.shape().rank() != 2
                        ? 0
                        : saturated(Shape.of(row.shape().dim(0), scales.shape().dim(1)));
            } else if (!(packed && (row.name().endsWith(".qzeros") || row.name().endsWith(".scales")))
                    && row.dtype().contains("F")
                    && !row.name().endsWith("inv_freq")) {
                count += saturated(row.shape());
            }
        }
        return count;
    }

    private static long saturated(Shape shape) {
        try {
            return shape.elements();
        } catch (ArithmeticException e) {
            return 0; // an element type that we do not know is not checked against its size
        }
    }
}
