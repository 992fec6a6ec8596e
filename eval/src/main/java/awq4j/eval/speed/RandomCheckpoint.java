package awq4j.eval.speed;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.BlockSpec;
import awq4j.model.LearnedPositions;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Stored;
import awq4j.model.StoredMatrix;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * A model of any shape with random weights, made in memory when they are asked for and never on disk. It says nothing
 * sensible, as fast as a real one: its matrices keep the size of what passes through them, so no number overflows or
 * becomes so small that the processor slows down.
 *
 * <p>Codes of all quantized matrices are the same memory, since backends copy them into an order of their own. Plain
 * matrices, which backends may read where they lie, have memory each, so that caches hold no more of them than of a real
 * model's. Safe for use by several threads.
 */
public final class RandomCheckpoint implements Checkpoint {
    /** Standard deviation of codes that are uniform in 0..15. */
    private static final double CODE_DEVIATION = 4.61;

    /** Numbers that plain matrices repeat; prime, so that rows of a matrix differ. */
    private static final int PATTERN = 65_537;

    private final ModelShape shape;
    private final WeightKind kind;
    private final Arena arena = Arena.ofShared();
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final Set<String> inBlocks = new HashSet<>();
    private final Map<String, Tensor> vectors = new LinkedHashMap<>();
    private final Map<String, Weight> plain = new ConcurrentHashMap<>();
    private final Map<Integer, Pool> pools = new ConcurrentHashMap<>();
    private final MemorySegment codes;

    /** Scales and zeros of all quantized matrices with so many columns. */
    private record Pool(MemorySegment scales, MemorySegment zeros) {}

    /** Makes what is small; matrices come when they are asked for. */
    public RandomCheckpoint(ModelShape shape, WeightKind kind) {
        this.shape = shape;
        this.kind = kind;
        tensors(shape.spec(), linear -> linears.put(linear.name(), linear), this::vector);
        shape.spec()
                .blocks()
                .forEach(block -> block.quantizable()
                        .forEach(linear -> inBlocks.add(linear.stored().name())));
        codes = arena.allocate(Math.ceilDiv(codeBytes(), Long.BYTES) * Long.BYTES, 64);
        var random = new SplittableRandom(1);
        for (long i = 0; i < codes.byteSize(); i += Long.BYTES) {
            codes.set(ValueLayout.JAVA_LONG, i, random.nextLong());
        }
    }

    /** Of the largest quantized matrix. */
    private long codeBytes() {
        long most = 0;
        for (Linear linear : linears.values()) {
            if (layout(linear) instanceof Grouped grouped) {
                most = Math.max(most, (long) linear.rows() * grouped.rowBytes(linear.columns()));
            }
        }
        return most;
    }

    /** All matrices, and all vectors with their sizes, that the specification declares. */
    private static void tensors(ModelSpec spec, Consumer<Linear> matrix, BiConsumer<String, Integer> vector) {
        LearnedPositions positions = spec.embedding().positions();
        if (positions != null) {
            int rows = spec.contextLength() + positions.offset();
            matrix.accept(new Linear(positions.name(), rows, spec.hidden(), false));
        }
        var all = new ArrayList<>(spec.outerLinears());
        var norms = new ArrayList<>(spec.outerNorms());
        for (BlockSpec block : spec.blocks()) {
            all.addAll(block.linears());
            norms.addAll(block.norms());
        }
        for (Norm norm : norms) {
            norm.tensors().forEach(name -> vector.accept(name, norm.size()));
        }
        for (StoredMatrix stored : StoredMatrix.of(all)) {
            var whole = new Stored(stored.name(), stored.rows(), 0, stored.rows(), stored.rows(), stored.transposed());
            matrix.accept(new Linear(stored.name(), stored.rows(), stored.columns(), false, whole));
            if (stored.bias()) {
                vector.accept(stored.name() + ".bias", stored.rows());
            }
        }
    }

    private void vector(String name, int size) {
        float[] values = new float[size];
        Arrays.fill(values, name.endsWith(".bias") ? 0.01f : 1);
        vectors.put(name, Tensor.ofFloats(values, size));
    }

    /**
     * Memory that such a model takes when it runs, without keys and values: what is made, and the copy of the quantized
     * matrices that a backend makes. An estimate, to refuse what cannot fit before it is made.
     */
    public static long memoryBytes(ModelSpec spec, WeightKind kind) {
        ModelWork work = ModelWork.of(spec);
        long outside = (long) spec.vocabulary() * spec.hidden() + (spec.tied() ? 0 : work.headWeights());
        return switch (kind) {
            case WeightKind.Plain dense ->
                (work.blockWeights() + outside) * dense.dtype().bytes();
            case WeightKind.Quantized quantized ->
                work.blockWeights() / 2
                        + work.blockWeights() / quantized.groupSize() * 2 * Float.BYTES
                        + outside * DType.F16.bytes()
                        + work.headWeights(); // rounded to 8 bits
        };
    }

    /** Makes all plain matrices now, so that whoever measures a load does not measure this. */
    public void fill() {
        linears.values().parallelStream()
                .filter(linear -> layout(linear) instanceof Dense)
                .forEach(linear -> linear(linear.name()));
    }

    /** The shape it was made from. */
    public ModelShape shape() {
        return shape;
    }

    @Override
    public Path path() {
        return Path.of(shape.name());
    }

    @Override
    public Config config() {
        return shape.config();
    }

    @Override
    public Optional<Quantization> quantization() {
        return switch (kind) {
            case WeightKind.Quantized quantized ->
                Optional.of(new Quantization("awq", 4, quantized.groupSize(), false, "gemm", List.of("lm_head")));
            case WeightKind.Plain dense -> Optional.empty();
        };
    }

    /** Names of vectors only: matrices are not stored as tensors. */
    @Override
    public Set<String> names() {
        return Set.copyOf(vectors.keySet());
    }

    @Override
    public Tensor tensor(String name) {
        Tensor tensor = vectors.get(name);
        if (tensor == null) {
            throw new UnsupportedModelException("a random " + shape.name() + " has no tensor " + name);
        }
        return tensor;
    }

    @Override
    public boolean hasLinear(String prefix) {
        return linears.containsKey(prefix);
    }

    @Override
    public Weight linear(String prefix) {
        Linear linear = linears.get(prefix);
        if (linear == null) {
            throw new UnsupportedModelException("a random " + shape.name() + " has no linear " + prefix);
        }
        return switch (layout(linear)) {
            case Dense dense -> plain.computeIfAbsent(prefix, name -> dense(linear, dense));
            case Grouped grouped -> grouped(linear, grouped);
            case GgufBlock blocks -> throw new IllegalStateException(prefix + " in " + blocks.type()); // no kind has it
        };
    }

    private WeightLayout layout(Linear linear) {
        return switch (kind) {
            case WeightKind.Quantized quantized
            when inBlocks.contains(linear.name()) -> quantized.layout(linear.columns());
            case WeightKind.Quantized quantized -> new Dense(DType.F16);
            case WeightKind.Plain dense -> new Dense(dense.dtype());
        };
    }

    private Weight grouped(Linear linear, Grouped layout) {
        int columns = linear.columns();
        long groups = (long) linear.rows() * layout.groups(columns);
        Pool pool = pools.computeIfAbsent(columns, this::pool);
        return new Weight(
                linear.name(),
                linear.rows(),
                columns,
                layout,
                codes.asSlice(0, (long) linear.rows() * layout.rowBytes(columns)),
                pool.scales.asSlice(0, groups * Float.BYTES),
                pool.zeros.asSlice(0, groups));
    }

    private Pool pool(int columns) {
        long most = 0;
        for (Linear linear : linears.values()) {
            if (linear.columns() == columns && layout(linear) instanceof Grouped grouped) {
                most = Math.max(most, (long) linear.rows() * grouped.groups(columns));
            }
        }
        float[] scales = new float[Math.toIntExact(most)];
        byte[] zeros = new byte[scales.length];
        var random = new SplittableRandom(columns);
        double middle = 1 / (CODE_DEVIATION * Math.sqrt(columns));
        for (int i = 0; i < scales.length; i++) {
            scales[i] = half((float) (middle * (0.75 + 0.5 * random.nextDouble())));
            zeros[i] = (byte) random.nextInt(6, 10); // 7.5 on average, as the codes are
        }
        return new Pool(MemorySegment.ofArray(scales), MemorySegment.ofArray(zeros));
    }

    /** As quantized checkpoints store scales. */
    private static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    private Weight dense(Linear linear, Dense layout) {
        DType dtype = layout.dtype();
        long bytes = (long) linear.rows() * linear.columns() * dtype.bytes();
        MemorySegment memory = arena.allocate(bytes, 64);
        MemorySegment pattern = pattern(dtype, 1 / Math.sqrt(linear.columns()));
        for (long at = 0; at < bytes; at += pattern.byteSize()) {
            MemorySegment.copy(pattern, 0, memory, at, Math.min(pattern.byteSize(), bytes - at));
        }
        boolean turned = linear.stored().transposed();
        int rows = turned ? linear.columns() : linear.rows();
        int columns = turned ? linear.rows() : linear.columns();
        return new Weight(linear.name(), rows, columns, layout, memory, null, null);
    }

    private static MemorySegment pattern(DType dtype, double deviation) {
        var random = new SplittableRandom(7);
        float[] floats = new float[PATTERN];
        short[] halves = new short[PATTERN];
        for (int i = 0; i < PATTERN; i++) {
            floats[i] = (float) (random.nextGaussian() * deviation);
            halves[i] = dtype == DType.BF16 ? FloatFormats.floatToBf16(floats[i]) : Float.floatToFloat16(floats[i]);
        }
        return dtype == DType.F32 ? MemorySegment.ofArray(floats) : MemorySegment.ofArray(halves);
    }

    /** Frees all matrices, which must no longer be used. */
    @Override
    public void close() {
        arena.close();
    }
}
