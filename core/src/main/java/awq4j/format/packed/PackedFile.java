package awq4j.format.packed;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.PackedMatrix;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Packed matrices in a mapped file beside the weights they were made from (docs/formats/packed.md). It is a safetensors
 * file whose tensors are bytes that begin on {@value #ALIGNMENT}-byte boundaries; its metadata say what they are.
 */
public final class PackedFile implements AutoCloseable {
    /** Its name in a model's folder. Not {@code .safetensors}: other programs would take it for weights. */
    public static final String NAME = "awq4j.packed";

    /** Where matrices begin. */
    private static final int ALIGNMENT = 64;

    /** Where the data begins: on a page, so that what is aligned in the file is aligned in memory. */
    private static final int PAGE = 4096;

    private static final String VERSION = "awq4j.packed";
    private static final String CURRENT = "1";
    private static final String SOURCE = "source";
    private static final String MATRIX = "matrix ";

    private final SafetensorsFile file;
    private final String source;
    private final Map<String, PackedMatrix> matrices;

    private PackedFile(SafetensorsFile file, String source, Map<String, PackedMatrix> matrices) {
        this.file = file;
        this.source = source;
        this.matrices = matrices;
    }

    /** Whether a model's folder has such a file. */
    public static boolean present(Path folder) {
        return Files.isRegularFile(folder.resolve(NAME));
    }

    /** The file of a model's folder, there or not. */
    public static Path of(Path folder) {
        return folder.resolve(NAME);
    }

    /** What {@link #write} fills before it takes its name; left behind only by a process that was killed. */
    public static Path unfinished(Path folder) {
        return SafetensorsWriter.unfinished(of(folder));
    }

    /**
     * Writes the file of a model's folder, or replaces it; it appears when it is whole.
     *
     * @param checkpoint what the matrices were made from
     * @param beforeEach runs before each matrix is written; what it throws ends the writing, and nothing is left behind
     * @return bytes of the file
     * @throws java.io.UncheckedIOException if the disk is full or not writable; an older file is still there then
     */
    public static long write(Checkpoint checkpoint, List<PackedMatrix> matrices, Runnable beforeEach) {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put(VERSION, CURRENT);
        metadata.put(SOURCE, Fingerprint.of(checkpoint.files()));
        var sources = new java.util.ArrayList<Source>();
        for (PackedMatrix matrix : matrices) {
            metadata.put(MATRIX + matrix.name(), Facts.of(matrix).toString());
            Shape shape = Shape.of(matrix.memory().byteSize());
            sources.add(new Source(matrix.name(), DType.U8, shape, () -> {
                beforeEach.run();
                return new Tensor(DType.U8, shape, matrix.memory());
            }));
        }
        Path path = of(checkpoint.path());
        SafetensorsWriter.write(path, metadata, sources, PAGE);
        return path.toFile().length();
    }

    /**
     * Maps the file of a model's folder and checks what it says about itself.
     *
     * @throws MalformedFileException if it is damaged, or of a version that is not read
     */
    public static PackedFile open(Path folder) {
        SafetensorsFile file = SafetensorsFile.open(of(folder));
        boolean opened = false;
        try {
            Map<String, String> metadata = file.metadata();
            if (!CURRENT.equals(metadata.get(VERSION))) {
                throw wrong(
                        file,
                        "expected version " + CURRENT + " of packed weights, found "
                                + metadata.getOrDefault(VERSION, "none"));
            }
            String source = metadata.get(SOURCE);
            if (source == null) {
                throw wrong(file, "does not say what it was made from: no \"" + SOURCE + "\" in its metadata");
            }
            var matrices = new LinkedHashMap<String, PackedMatrix>();
            for (String name : file.names()) {
                matrices.put(name, matrix(file, name, metadata.get(MATRIX + name)));
            }
            opened = true;
            return new PackedFile(file, source, matrices);
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static PackedMatrix matrix(SafetensorsFile file, String name, @Nullable String text) {
        if (text == null) {
            throw wrong(file, "metadata do not describe " + name);
        }
        Tensor tensor = file.tensor(name);
        if (tensor.dtype() != DType.U8) {
            throw wrong(file, name + ": expected bytes, U8, found " + tensor.dtype());
        }
        if (tensor.data().address() % ALIGNMENT != 0) {
            throw wrong(file, name + ": does not begin at a multiple of " + ALIGNMENT + " bytes");
        }
        try {
            Facts facts = Facts.parse(text);
            return new PackedMatrix(name, facts.rows(), facts.columns(), facts.layout(), facts.order(), tensor.data());
        } catch (IllegalArgumentException e) {
            throw wrong(file, name + ": \"" + text + "\" does not describe a matrix: " + e.getMessage());
        }
    }

    private static MalformedFileException wrong(SafetensorsFile file, String message) {
        return new MalformedFileException(file.path(), -1, message);
    }

    /** The file. */
    public Path path() {
        return file.path();
    }

    /** Whether the checkpoint is the one that the matrices were made from; reads a few megabytes of it at most. */
    public boolean madeFrom(Checkpoint checkpoint) {
        return source.equals(Fingerprint.of(checkpoint.files()));
    }

    /** The orders that its matrices are in. */
    public Set<String> orders() {
        var orders = new TreeSet<String>();
        matrices.values().forEach(matrix -> orders.add(matrix.order()));
        return orders;
    }

    /** The matrix of a name, valid until {@link #close}. */
    public Optional<PackedMatrix> find(String name) {
        return Optional.ofNullable(matrices.get(name));
    }

    /** Unmaps the file. */
    @Override
    public void close() {
        file.close();
    }

    /** What the metadata say of a matrix: numbers and words with a space between. */
    private record Facts(int rows, int columns, Grouped layout, String order) {
        static Facts of(PackedMatrix matrix) {
            return new Facts(matrix.rows(), matrix.columns(), matrix.layout(), matrix.order());
        }

        static Facts parse(String text) {
            String[] words = text.split(" ", -1);
            if (words.length != 6) {
                throw new IllegalArgumentException("expected 6 words, found " + words.length);
            }
            return new Facts(
                    Integer.parseInt(words[0]),
                    Integer.parseInt(words[1]),
                    new Grouped(Integer.parseInt(words[2]), Integer.parseInt(words[3]), ZeroPoint.valueOf(words[4])),
                    words[5]);
        }

        @Override
        public String toString() {
            return rows + " " + columns + " " + layout.bits() + " " + layout.groupSize() + " " + layout.zeroPoint()
                    + " " + order;
        }
    }
}
