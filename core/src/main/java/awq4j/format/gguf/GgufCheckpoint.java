package awq4j.format.gguf;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The model of a GGUF file as transformers would have it: its names, its order of rows, its configuration, which is made
 * from the metadata. docs/formats/gguf.md lists what is changed on the way.
 */
public final class GgufCheckpoint implements Checkpoint {
    private final Path path;
    private final GgufFiles files;
    private final Config config;
    private final Map<String, StoredPart> parts;
    private final Optional<Quantization> quantization;

    private GgufCheckpoint(Path path, GgufFiles files, Config config, Map<String, StoredPart> parts) {
        this.path = path;
        this.files = files;
        this.config = config;
        this.parts = parts;
        this.quantization = quantization(files, parts);
    }

    /**
     * Opens a file or, by any of its parts, a model in several.
     *
     * @throws MalformedFileException if a file is damaged, or says too little of the model
     * @throws UnsupportedModelException if it is of an architecture that is not read
     */
    public static GgufCheckpoint open(Path path) {
        GgufFiles files = GgufFiles.open(path);
        boolean opened = false;
        try {
            Architecture architecture = Architecture.of(files.metadata());
            Config config = ConfigSynthesis.of(files, architecture);
            var names = new TensorNames(
                    architecture, config.positive("num_attention_heads"), config.positive("num_key_value_heads"));
            var parts = names.of(files);
            opened = true;
            return new GgufCheckpoint(path, files, config, parts);
        } finally {
            if (!opened) {
                files.close();
            }
        }
    }

    /** The files as they are. */
    public GgufFiles gguf() {
        return files;
    }

    @Override
    public Path path() {
        return path;
    }

    /** What config.json would say; made from the metadata. */
    @Override
    public Config config() {
        return config;
    }

    @Override
    public Optional<Quantization> quantization() {
        return quantization;
    }

    /** What most matrices of the blocks are, empty if that is floats. */
    private static Optional<Quantization> quantization(GgufFiles files, Map<String, StoredPart> parts) {
        var count = new EnumMap<GgmlType, Integer>(GgmlType.class);
        parts.forEach((name, part) -> {
            GgufTensor tensor = files.tensor(part.stored());
            if (tensor.type() != null
                    && name.startsWith("model.layers.")
                    && tensor.shape().rank() > 1) {
                count.merge(tensor.type(), 1, Integer::sum);
            }
        });
        return count.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .flatMap(GgufCheckpoint::quantization);
    }

    private static Optional<Quantization> quantization(GgmlType type) {
        return coded(type).map(layout -> switch (layout) {
            case Grouped grouped -> stated(type, grouped.bits(), grouped.groupSize(), isSymmetric(grouped));
            case GgufBlock block ->
                stated(
                        type,
                        block.type().bits(),
                        block.type().groupSize(),
                        block.type().zero() > 0);
            case Dense dense -> throw new IllegalStateException(dense + " has no codes");
        });
    }

    private static boolean isSymmetric(Grouped layout) {
        return layout.zeroPoint() == ZeroPoint.MIDDLE;
    }

    private static Quantization stated(GgmlType type, int bits, int groupSize, boolean symmetric) {
        return new Quantization("gguf", bits, groupSize, symmetric, type.name(), List.of());
    }

    /** The layout of a type of codes, empty for others. */
    private static Optional<WeightLayout> coded(GgmlType type) {
        Optional<WeightLayout> grouped = PlainBlocks.layout(type).map(layout -> layout);
        return grouped.or(() -> Arrays.stream(GgufType.values())
                .filter(block -> block.name().equals(type.name()))
                .findFirst()
                .map(GgufBlock::new));
    }

    @Override
    public Set<String> names() {
        return parts.keySet();
    }

    @Override
    public Shape shape(String name) {
        StoredPart part = part(name);
        return part.shape(files.tensor(part.stored()).shape());
    }

    @Override
    public long sizeBytes(String name) {
        StoredPart part = part(name);
        GgufTensor stored = files.tensor(part.stored());
        return part.expert() < 0
                ? stored.sizeBytes()
                : stored.sizeBytes() / stored.shape().dim(0);
    }

    @Override
    public Tensor tensor(String name) {
        StoredPart part = part(name);
        Shape shape = shape(name);
        DType plain = plain(type(name, part));
        if (plain == null) {
            return decoded(name, shape);
        }
        MemorySegment data = data(part);
        if (part.asItLies()) {
            return new Tensor(plain, shape, data);
        }
        if (part.heads() > 0) {
            return new Tensor(plain, shape, inOrder(part, shape, data));
        }
        if (!plain.isFloat()) {
            throw new UnsupportedModelException(part.stored() + ": expected floats, found " + plain);
        }
        float[] values = new Tensor(plain, shape, data).toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] -= 1;
        }
        return new Tensor(DType.F32, shape, MemorySegment.ofArray(values));
    }

    private Tensor decoded(String name, Shape shape) {
        if (!name.endsWith(".weight")) {
            throw new UnsupportedModelException(
                    part(name).stored() + ": expected plain numbers, found " + type(name, part(name)));
        }
        Weight weight = linear(name.substring(0, name.length() - ".weight".length()));
        MemorySegment memory = Arena.ofAuto().allocate(shape.elements() * Float.BYTES, Float.BYTES);
        float[] row = new float[weight.columns()];
        for (int r = 0; r < weight.rows(); r++) {
            WeightCodec.decodeRow(weight, r, row);
            MemorySegment.copy(
                    MemorySegment.ofArray(row), 0, memory, (long) r * row.length * Float.BYTES, row.length * 4L);
        }
        return new Tensor(DType.F32, shape, memory);
    }

    @Override
    public boolean hasLinear(String prefix) {
        return parts.containsKey(prefix + ".weight");
    }

    @Override
    public WeightLayout layout(String prefix) {
        String name = prefix + ".weight";
        GgmlType type = type(name, part(name));
        Optional<WeightLayout> codes = coded(type);
        if (codes.isPresent()) {
            return codes.get();
        }
        DType plain = plain(type);
        if (plain == null || !plain.isFloat()) {
            throw new UnsupportedModelException(path.getFileName() + ": "
                    + part(name).stored() + " is " + type + ", which is not supported; supported: " + supported());
        }
        return new Dense(plain == DType.F64 ? DType.F32 : plain);
    }

    /** What is wrong with the first matrix whose type is not read; empty if all are. */
    public Optional<String> unreadable() {
        return parts.keySet().stream()
                .filter(name -> name.endsWith(".weight") && shape(name).rank() == 2)
                .map(name -> {
                    try {
                        layout(name.substring(0, name.length() - ".weight".length()));
                        return "";
                    } catch (UnsupportedModelException e) {
                        return String.valueOf(e.getMessage());
                    }
                })
                .filter(message -> !message.isEmpty())
                .findFirst();
    }

    private static String supported() {
        return Arrays.stream(GgmlType.values())
                .filter(type -> (type.isPlain() && DType.valueOf(type.name()).isFloat())
                        || coded(type).isPresent())
                .map(Enum::name)
                .collect(Collectors.joining(", "));
    }

    @Override
    public Weight linear(String prefix) {
        String name = prefix + ".weight";
        StoredPart part = part(name);
        Shape shape = shape(name);
        WeightLayout layout = layout(prefix);
        if (shape.rank() != 2) {
            throw new UnsupportedModelException(part.stored() + ": expected [rows, columns], found " + shape);
        }
        if (shape.elements() > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(
                    part.stored() + ": " + shape + " is too large, at most 2^31 - 1 weights are read");
        }
        int rows = (int) shape.dim(0);
        int columns = (int) shape.dim(1);
        checkHeads(part, shape);
        if (layout instanceof Grouped grouped) {
            Weight unpacked = PlainBlocks.unpack(
                    prefix, type(name, part), grouped, rows, columns, data(part), row -> part.storedRow(row, rows));
            Tensor.unload(data(part)); // it is a copy: the file's pages need not stay in memory beside it
            return unpacked;
        }
        if (layout instanceof GgufBlock) {
            MemorySegment blocks = part.heads() == 0 ? data(part) : inOrder(part, shape, data(part));
            return new Weight(prefix, rows, columns, layout, blocks, null, null);
        }
        Tensor tensor = tensor(name);
        Tensor usable = tensor.dtype() == DType.F64 ? tensor.as(DType.F32) : tensor;
        return new Weight(prefix, rows, columns, new Dense(usable.dtype()), usable.data(), null, null);
    }

    /** Rows put into the order of transformers, off the heap: large models have gigabytes of such rows. */
    private MemorySegment inOrder(StoredPart part, Shape shape, MemorySegment data) {
        checkHeads(part, shape);
        int rows = (int) shape.dim(0);
        long width = data.byteSize() / rows;
        MemorySegment memory = Arena.ofAuto().allocate(data.byteSize(), 64);
        for (int row = 0; row < rows; row++) {
            MemorySegment.copy(data, part.storedRow(row, rows) * width, memory, row * width, width);
        }
        return memory;
    }

    private void checkHeads(StoredPart part, Shape shape) {
        if (part.heads() > 0 && (shape.dim(0) > Integer.MAX_VALUE || shape.dim(0) % (2L * part.heads()) != 0)) {
            throw new MalformedFileException(
                    path,
                    -1,
                    part.stored() + ": expected pairs of rows for " + part.heads() + " heads, found " + shape);
        }
    }

    private MemorySegment data(StoredPart part) {
        MemorySegment all = files.data(part.stored());
        if (part.expert() < 0) {
            return all;
        }
        long size = all.byteSize() / files.tensor(part.stored()).shape().dim(0);
        return all.asSlice(part.expert() * size, size);
    }

    private StoredPart part(String name) {
        StoredPart part = parts.get(name);
        if (part == null) {
            throw new UnsupportedModelException(path.getFileName() + " has no tensor for " + name);
        }
        return part;
    }

    private GgmlType type(String name, StoredPart part) {
        GgmlType type = files.tensor(part.stored()).type();
        if (type == null) {
            throw new UnsupportedModelException(path.getFileName() + ": " + part.stored() + ", for " + name + ", is of "
                    + files.tensor(part.stored()).typeName() + ", which is not known");
        }
        return type;
    }

    private static @Nullable DType plain(GgmlType type) {
        return type.isPlain() ? DType.valueOf(type.name()) : null;
    }

    @Override
    public List<Path> files() {
        return files.files().stream().map(GgufFile::path).toList();
    }

    @Override
    public void close() {
        files.close();
    }
}
