package awq4j.format.packed;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoint.Quantization;
import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.LowRank;
import awq4j.weight.PackedMatrix;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Packed matrices in a mapped file beside the weights they were made from, or with all else that a model consists of in
 * their place (docs/formats/packed.md). It is a safetensors file; its packed matrices are bytes that begin on
 * {@value #ALIGNMENT}-byte boundaries, and its metadata say what they are.
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
    private static final String MODEL = "model";

    private final SafetensorsFile file;
    private final String source;
    private final Optional<Quantization> model;
    private final Map<String, PackedMatrix> matrices;

    private PackedFile(
            SafetensorsFile file, String source, Optional<Quantization> model, Map<String, PackedMatrix> matrices) {
        this.file = file;
        this.source = source;
        this.model = model;
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
        return write(of(checkpoint.path()), checkpoint, Map.of(), packed(matrices, beforeEach), matrices);
    }

    /**
     * Writes a file that holds a whole model: behind the packed matrices all tensors that they do not stand for.
     *
     * @param folder gets the file, and is a model's folder with config.json and a tokenizer beside it
     * @param checkpoint a quantized model
     * @param stoodFor prefixes of the stored matrices whose codes are all among the packed ones
     * @param beforeEach as in {@link #write}, also before each tensor
     * @return bytes of the file
     * @throws java.io.UncheckedIOException if the disk is full or not writable
     */
    public static long writeModel(
            Path folder,
            Checkpoint checkpoint,
            List<PackedMatrix> matrices,
            Set<String> stoodFor,
            Runnable beforeEach) {
        Quantization quantization = checkpoint.quantization().orElseThrow();
        List<Source> sources = packed(matrices, beforeEach);
        for (String name : checkpoint.names()) {
            int dot = name.lastIndexOf('.');
            boolean beside = name.endsWith(".bias") || LowRank.isFactor(name);
            if (dot < 0 || beside || !stoodFor.contains(name.substring(0, dot))) {
                Tensor tensor = checkpoint.tensor(name);
                sources.add(new Source(name, tensor.dtype(), tensor.shape(), () -> {
                    beforeEach.run();
                    return tensor;
                }));
            }
        }
        var metadata = Map.of(MODEL, Packing.text(quantization));
        return write(of(folder), checkpoint, metadata, sources, matrices);
    }

    private static List<Source> packed(List<PackedMatrix> matrices, Runnable beforeEach) {
        var sources = new ArrayList<Source>();
        for (PackedMatrix matrix : matrices) {
            Shape shape = Shape.of(matrix.sizeBytes());
            sources.add(new Source(matrix.name(), DType.U8, shape, () -> {
                beforeEach.run();
                return new Tensor(DType.U8, shape, matrix.memory());
            }));
        }
        return sources;
    }

    private static long write(
            Path path,
            Checkpoint checkpoint,
            Map<String, String> more,
            List<Source> sources,
            List<PackedMatrix> matrices) {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put(VERSION, CURRENT);
        metadata.put(SOURCE, Fingerprint.of(checkpoint.files()));
        metadata.putAll(more);
        for (PackedMatrix matrix : matrices) {
            metadata.put(MATRIX + matrix.name(), Facts.of(matrix).toString());
        }
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
            Optional<Quantization> model = model(file, metadata.get(MODEL));
            var matrices = new LinkedHashMap<String, PackedMatrix>();
            for (String name : file.names()) {
                String text = metadata.get(MATRIX + name);
                if (text != null || model.isEmpty()) {
                    matrices.put(name, matrix(file, name, text));
                }
            }
            opened = true;
            return new PackedFile(file, source, model, matrices);
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static Optional<Quantization> model(SafetensorsFile file, @Nullable String text) {
        try {
            return Optional.ofNullable(text).map(Packing::parse);
        } catch (IllegalArgumentException e) {
            throw wrong(file, "\"" + text + "\" does not describe a quantized model: " + e.getMessage());
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

    /** How the model was quantized whose tensors are all in the file; empty if it holds packed matrices only. */
    public Optional<Quantization> model() {
        return model;
    }

    /** Names of all tensors, packed matrices included. */
    public Set<String> names() {
        return file.names();
    }

    /**
     * A tensor as stored, valid until {@link #close}; of a packed matrix its bytes.
     *
     * @throws IllegalArgumentException if there is none of that name
     */
    public Tensor tensor(String name) {
        return file.tensor(name);
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

    /** What the metadata say of a model that is whole in the file: words with a space between. */
    private static final class Packing {
        private static final int WORDS = 5;

        static String text(Quantization of) {
            return of.method() + " " + of.bits() + " " + of.groupSize() + " " + of.symmetric() + " " + of.version();
        }

        static Quantization parse(String text) {
            String[] words = text.split(" ", -1);
            if (words.length != WORDS) {
                throw new IllegalArgumentException("expected " + WORDS + " words, found " + words.length);
            }
            return new Quantization(
                    words[0],
                    Integer.parseInt(words[1]),
                    Integer.parseInt(words[2]),
                    Boolean.parseBoolean(words[3]),
                    words[4],
                    List.of());
        }
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
