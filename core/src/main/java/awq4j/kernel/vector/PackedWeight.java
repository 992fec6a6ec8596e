package awq4j.kernel.vector;

import awq4j.kernel.Precision;
import awq4j.kernel.Prepared;
import awq4j.kernel.Scratch;
import awq4j.kernel.Split;
import awq4j.weight.InputOrder;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Codes with rows in lanes, off the heap, aligned to cache lines: for each vector of rows, or two side by side, each group,
 * its scales and zeros (or biases), then blocks of codes as {@link CodeOrder} has them. A large matrix lies in several
 * pieces. Decode and prefill read the same copy. The memory is freed when the weight is collected.
 */
final class PackedWeight extends TiledWeight {
    private static final long ALIGNMENT = 64;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * Vectors of rows, or pairs of them, that one token is multiplied with in turn, each a stream of memory of its own, a
     * power of two. Where memory is far away a machine reads ahead in each, and one stream does not keep it busy; another
     * reads ahead far enough in one, and more of them only get into each other's way (docs/results/cpu.md).
     */
    static final int STREAMS = Processor.INTEL ? 8 : 1;

    /**
     * Sums of blocks that stand in memory before scales are applied. While they are, nothing new is read: with one stream it
     * has to be over before what the machine has read ahead is used up. For eight streams of 512 bits the sums are 32 KiB.
     */
    private static final int SUMS = STREAMS > 1 ? 64 : 16;

    private static final int L = Lanes.COUNT;

    /** Least size of a piece of memory: it stays in a core's cache between its zeroing and its packing. */
    private static final long PIECE_BYTES = 1 << 19;

    /** Most pieces of a matrix: large models have hundreds of matrices, and the system does not keep any number of pieces. */
    private static final int PIECES = 16;

    /** Rows whose scales one thread checks before it asks for more. */
    private static final int ROWS_TOGETHER = 256;

    /** Raise the number when bytes come to lie otherwise: files of packed weights name their order. */
    private static final String ORDER = "rows" + L + "-v2-";

    private static final String HALVES = ORDER + "f16";
    private static final String FLOATS = ORDER + "f32";

    /** Behind the order of codes of 2 or 3 bits. */
    private static final String BITS = "-bits";

    /** Behind the order of a matrix whose memory ends with its {@link InputOrder}. */
    private static final String GATHERED = "-gathered";

    private static final boolean INTEGER_TILES = IntegerTile.faster();

    private final CodeOrder order;
    private final int vectors;
    private final MemorySegment[] pieces;

    /** Vectors in a piece of memory, except the last one's; an even number, for tiles take two. */
    private final int pieceVectors;

    private final boolean rounds;

    /**
     * Whether products with rounded activations are summed in integers. Of codes of 8 bits only two fit a 16-bit sum: as
     * many instructions as in floats.
     */
    private final boolean integers;

    PackedWeight(Weight weight, Grouped layout, Precision precision, Split split) {
        super(weight);
        this.order = CodeOrder.of(layout, weight.columns(), halves(weight, layout, split));
        this.vectors = vectors(weight.rows());
        this.rounds = precision.roundedGroup(layout()) != 0;
        this.integers = rounds && order.bits() <= 4;
        this.pieceVectors = pieceVectors();
        this.pieces = new MemorySegment[Math.ceilDiv(vectors, pieceVectors)];
        Arena arena = Arena.ofAuto();
        split.over(pieces.length, 1, (from, to) -> {
            var writer = new LaneWriter(weight, layout, order);
            for (int piece = from; piece < to; piece++) {
                fill(arena, piece, writer);
            }
        });
    }

    private int vectors(int rows) {
        int together = L * order.abreast();
        return ((rows - 1) / together + 1) * order.abreast();
    }

    /** So many that each thread gets memory, which Java sets to zero, for the piece that it packs. */
    private int pieceVectors() {
        long bytes = Math.max(PIECE_BYTES, sizeBytes() / PIECES);
        return Math.toIntExact(Math.max(1, bytes / order.vectorBytes() / 2)) * 2;
    }

    private void fill(Arena arena, int piece, LaneWriter writer) {
        int first = piece * pieceVectors;
        int end = Math.min(vectors, first + pieceVectors);
        long bytes = (end - first) * order.vectorBytes();
        long start = first * order.vectorBytes();
        InputOrder gathered = inputOrder();
        if (end == vectors) {
            bytes = memoryBytes(gathered != null) - start;
        }
        MemorySegment memory = arena.allocate(bytes, ALIGNMENT);
        for (int vector = first; vector < end; vector += order.abreast()) {
            writer.write(vector, memory, (vector - first) * order.vectorBytes());
        }
        if (end == vectors && gathered != null) {
            gathered.write(memory.asSlice(wholeLines(sizeBytes()) - start));
        }
        pieces[piece] = memory;
    }

    /** The piece of memory that has a vector. */
    private MemorySegment memory(int vector) {
        return pieces[vector / pieceVectors];
    }

    /** Where in its piece the head of a group of a vector begins. */
    private long place(int vector, int group) {
        return order.place(vector % pieceVectors, group);
    }

    /** Where in its piece the codes of a group of a vector begin. */
    private long codes(int vector, int group) {
        return order.codes(vector % pieceVectors, group);
    }

    /** Takes in what {@link #toMatrix} gave. */
    PackedWeight(PackedMatrix packed, Precision precision) {
        super(packed.name(), packed.rows(), packed.columns(), packed.layout(), inputOrder(packed));
        if (!reads(packed.order())) {
            throw new IllegalArgumentException("matrix " + packed.name() + ": expected the order " + HALVES + " or "
                    + FLOATS + ", found " + packed.order());
        }
        this.order =
                CodeOrder.of(packed.layout(), packed.columns(), packed.order().startsWith(HALVES));
        this.vectors = vectors(packed.rows());
        this.rounds = precision.roundedGroup(layout()) != 0;
        this.integers = rounds && order.bits() <= 4;
        MemorySegment memory = packed.memory();
        long expected = memoryBytes(inputOrder() != null);
        if (memory.byteSize() != expected) {
            throw new IllegalArgumentException("matrix " + packed.name() + ": expected " + expected
                    + " bytes in the order " + packed.order() + ", found " + memory.byteSize());
        }
        if (memory.address() % ALIGNMENT != 0) {
            throw new IllegalArgumentException(
                    "matrix " + packed.name() + ": expected memory aligned to " + ALIGNMENT + " bytes");
        }
        this.pieceVectors = vectors + vectors % 2;
        this.pieces = new MemorySegment[] {memory};
    }

    static boolean reads(String order) {
        String codes = without(GATHERED, order);
        for (int bits = 2; bits < 4; bits++) {
            codes = without(BITS + bits, codes);
        }
        return codes.equals(HALVES) || codes.equals(FLOATS);
    }

    private static String without(String suffix, String text) {
        return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
    }

    private static @Nullable InputOrder inputOrder(PackedMatrix packed) {
        if (!packed.order().endsWith(GATHERED)) {
            return null;
        }
        long bytes = inputOrderBytes(packed.columns());
        long size = packed.sizeBytes();
        if (size < bytes) {
            throw new IllegalArgumentException("matrix " + packed.name() + ": expected " + bytes
                    + " bytes of input order at its end, found " + size);
        }
        try {
            return InputOrder.read(packed.memory().asSlice(size - bytes), packed.columns());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("matrix " + packed.name() + ": " + e.getMessage());
        }
    }

    private static long inputOrderBytes(int columns) {
        return wholeLines((long) columns * Integer.BYTES);
    }

    /** Whole cache lines, so that matrices that follow each other in a file are all aligned. */
    private static long wholeLines(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    /** What another run can take in. */
    PackedMatrix toMatrix() {
        String codes = (order.halves() ? HALVES : FLOATS) + (order.bits() < 4 ? BITS + order.bits() : "");
        String named = inputOrder() == null ? codes : codes + GATHERED;
        return new PackedMatrix(name(), rows(), columns(), (Grouped) layout(), named, List.of(pieces));
    }

    private long memoryBytes(boolean gathered) {
        return wholeLines(sizeBytes()) + (gathered ? inputOrderBytes(columns()) : 0);
    }

    /** Whether every scale is a finite float16, and every bias. */
    private static boolean halves(Weight weight, Grouped layout, Split split) {
        var halves = new AtomicBoolean(true);
        split.over(weight.rows(), ROWS_TOGETHER, (from, to) -> {
            if (halves.get() && !LaneWriter.halves(weight, layout, from, to)) {
                halves.set(false);
            }
        });
        return halves.get();
    }

    @Override
    public long sizeBytes() {
        return vectors * order.vectorBytes();
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        MemorySegment memory = memory(row / L);
        for (int g = 0; g < order.groups(); g++) {
            long from = place(row / L, g) + row % L * (long) Float.BYTES;
            int head = memory.get(INT, from);
            float scale = order.halves() ? Float.float16ToFloat((short) head) : memory.get(FLOAT, from);
            float second;
            if (order.halves()) {
                second = order.biased() ? Float.float16ToFloat((short) (head >>> 16)) : head >>> 16;
            } else {
                second = memory.get(FLOAT, from + Lanes.BYTES);
            }
            long codes = codes(row / L, g) + row % L * (long) Integer.BYTES;
            IntUnaryOperator vector = i -> memory.get(INT, codes + i * order.codeStep());
            for (int k = 0; k < order.length(g); k++) {
                int code = order.code(k, vector);
                out[at + order.start(g) + k] = order.biased() ? Math.fma(scale, code, second) : scale * (code - second);
            }
        }
    }

    @Override
    int few() {
        return order.bits() == 4 ? 16 : 2;
    }

    @Override
    int paddedColumns() {
        return order.paddedColumns();
    }

    @Override
    void spread(float[] x, int at, float[] prepared, int to, int distance) {
        for (int g = 0; g < order.groups(); g++) {
            int column = g * order.width(); // a width divides a piece
            int place = to + column / TileKernel.STRIDE * distance + column % TileKernel.STRIDE;
            int length = order.length(g);
            if (rounds) {
                RoundedActivations.floats(x, at, order, g, prepared, place);
            } else {
                System.arraycopy(x, at + order.start(g), prepared, place, length);
            }
            Arrays.fill(prepared, place + length, place + order.width(), 0);
        }
    }

    @Override
    void decodeTile(int band, int from, int to, MemorySegment tile, Scratch scratch) {
        MemorySegment memory = memory(2 * band);
        touch(2 * band, from / order.width(), Math.ceilDiv(to, order.width()), scratch);
        for (int g = from / order.width(); g * order.width() < to; g++) {
            for (int v = 0; v < Math.min(2, vectors - 2 * band); v++) {
                long group = place(2 * band + v, g);
                long at = ((g * (long) order.width() - from) * Lanes.PAIR + (long) v * L) * Float.BYTES;
                long codes = codes(2 * band + v, g);
                long forms = super.tileBytes();
                switch (order.bits()) {
                    case 2, 3 -> {
                        unfold(memory, codes, tile, forms);
                        FourBits.decode(memory, group, order, tile, forms, Lanes.BYTES, tile, at);
                    }
                    case 4 -> FourBits.decode(memory, group, order, memory, codes, order.codeStep(), tile, at);
                    default -> EightBits.decode(memory, group, order, tile, at);
                }
            }
        }
    }

    /** Writes a group's codes of 2 or 3 bits as nibbles. */
    private void unfold(MemorySegment memory, long codes, MemorySegment forms, long at) {
        if (order.bits() == 2) {
            TwoBits.forms(memory, codes, order.blocks(), forms, at);
        } else {
            ThreeBits.forms(memory, codes, order.blocks(), forms, at);
        }
    }

    @Override
    int preparedFloatsForMany(int n) {
        return manyInIntegers() ? Math.multiplyExact(2 * order.groups(), n) : super.preparedFloatsForMany(n);
    }

    @Override
    int preparedIntsForMany(int n) {
        return manyInIntegers() ? Math.multiplyExact(pieces() * IntegerTileKernel.STRIDE, n) : 0;
    }

    /** Behind the tile the forms of a group, if codes have to be unfolded to any. */
    @Override
    long tileBytes() {
        long forms = order.bits() < 4 ? (long) order.forms() * Lanes.BYTES : 0;
        return (manyInIntegers() ? IntegerTileKernel.bytes() : super.tileBytes()) + forms;
    }

    /** In integers: pairs of codes, [pieces, n, pairs], then for each group n scales and n negated sums of codes. */
    @Override
    void prepareOneOf(float[] x, int t, int n, Prepared prepared) {
        if (!manyInIntegers()) {
            super.prepareOneOf(x, t, n, prepared);
            return;
        }
        for (int g = 0; g < order.groups(); g++) {
            int pair = g * order.width() / 2;
            int stride = IntegerTileKernel.STRIDE;
            int to = (pair / stride * n + t) * stride + pair % stride;
            int scales = 2 * g * n + t;
            RoundedActivations.pairs(
                    x, t * columns(), order, g, prepared.ints(), to, prepared.floats(), scales, scales + n);
        }
    }

    @Override
    void multiplyTile(
            int band,
            int piece,
            Prepared prepared,
            int n,
            int first,
            int tokens,
            float[] sums,
            int sumsAt,
            MemorySegment tile,
            Scratch scratch) {
        if (!manyInIntegers()) {
            super.multiplyTile(band, piece, prepared, n, first, tokens, sums, sumsAt, tile, scratch);
            return;
        }
        int width = order.width();
        int groups = TileKernel.STRIDE / width;
        int from = piece * groups;
        int to = Math.min(order.groups(), from + groups);
        long bytes = IntegerTile.groupBytes(width);
        MemorySegment memory = memory(2 * band);
        touch(2 * band, from, to, scratch);
        for (int g = from; g < to; g++) {
            long at = (g - from) * bytes;
            for (int v = 0; v < Math.min(2, vectors - 2 * band); v++) {
                long group = place(2 * band + v, g);
                long codes = codes(2 * band + v, g);
                long vectorAt = at + (long) v * Lanes.BYTES;
                if (order.bits() == 4) {
                    IntegerTile.decode(memory, group, order, memory, codes, order.codeStep(), tile, vectorAt);
                    continue;
                }
                unfold(memory, codes, tile, IntegerTileKernel.bytes());
                IntegerTile.decode(memory, group, order, tile, IntegerTileKernel.bytes(), Lanes.BYTES, tile, vectorAt);
            }
            int scales = 2 * g * n + first;
            for (int v = 0; order.biased() && v < Math.min(2, vectors - 2 * band); v++) {
                long place = place(2 * band + v, g);
                GroupScales.biases(
                        memory, place, order, prepared.floats(), scales, scales + n, sums, sumsAt + v * L, tokens);
            }
            int a = (piece * n + first) * IntegerTileKernel.STRIDE + (g - from) * width / 2;
            IntegerTileKernel.run(
                    tile, at, width, prepared.ints(), a, prepared.floats(), scales, scales + n, sums, sumsAt, tokens);
        }
    }

    private boolean manyInIntegers() {
        return integers && INTEGER_TILES;
    }

    /**
     * Reads one value of each cache line of two vectors' groups: the lines come in together, where decoding would wait for
     * one after the other, since its pieces are too short for the machine to read ahead.
     */
    private void touch(int vector, int fromGroup, int toGroup, Scratch scratch) {
        MemorySegment memory = memory(vector);
        long sum = 0;
        int sides = order.abreast();
        for (int v = vector; v < Math.min(vector + 2, vectors); v += sides) {
            long end = place(v, fromGroup) + (long) (toGroup - fromGroup) * sides * order.groupBytes();
            for (long at = place(v, fromGroup); at < end; at += ALIGNMENT) {
                sum += memory.get(INT, at);
            }
        }
        scratch.keep(sum);
    }

    @Override
    int preparedFloatsForOne() {
        return (integers ? order.groups() : order.paddedColumns()) + order.groups();
    }

    @Override
    int preparedIntsForOne() {
        return integers ? order.paddedColumns() / 2 : 0;
    }

    /**
     * In integers: pairs of codes, then each group's scale and sum of codes. In floats: activations divided by the power of two
     * that a code is too large by when it is masked and not shifted, then each group's sum, which the zeros need.
     */
    @Override
    void prepareOne(float[] x, int at, Prepared prepared) {
        float[] floats = prepared.floats();
        if (integers) {
            for (int g = 0; g < order.groups(); g++) {
                int to = g * order.width() / 2;
                RoundedActivations.pairs(x, at, order, g, prepared.ints(), to, floats, g, order.groups() + g);
            }
            if (order.bits() == 4) {
                FourBits.chain(prepared.ints(), order.paddedColumns() / 2);
            }
            return;
        }
        for (int g = 0; g < order.groups(); g++) {
            int start = order.start(g);
            int length = order.length(g);
            int to = g * order.width();
            if (rounds) {
                RoundedActivations.floats(x, at, order, g, floats, to);
            } else {
                System.arraycopy(x, at + start, floats, to, length);
            }
            double sum = 0;
            for (int k = to; k < to + length; k++) {
                sum += floats[k];
                floats[k] *= order.factor(k - to);
            }
            Arrays.fill(floats, to + length, to + order.width(), 0);
            floats[order.paddedColumns() + g] = (float) sum;
        }
    }

    @Override
    void multiplyOne(float[] x, int at, Prepared prepared, float[] sums, int row, int height, Scratch scratch) {
        int first = row / L;
        int count = vectors(height);
        int sides = order.abreast();
        for (int v = 0; v < count; ) {
            int left = Math.min(count - v, pieceVectors - (first + v) % pieceVectors); // of the piece of memory
            int log = 31 - Integer.numberOfLeadingZeros(Math.min(STREAMS, left / sides));
            if (order.bits() == 4) {
                multiplyPairs(prepared, sums, v * L, first + v, log);
            } else {
                multiplyStreams(prepared, sums, v * L, first + v, log, scratch);
            }
            v += sides << log;
        }
    }

    private void multiplyPairs(Prepared prepared, float[] sums, int to, int vector, int log) {
        MemorySegment memory = memory(vector);
        long at = place(vector, 0);
        long stride = 2 * order.vectorBytes();
        Arrays.fill(sums, to, to + ((2 * L) << log), 0);
        if (integers) {
            FourBitPairs.integers(memory, at, stride, log, order, prepared.ints(), prepared.floats(), sums, to);
        } else {
            FourBitPairs.floats(memory, at, stride, log, order, prepared.floats(), sums, to, 15);
        }
    }

    private void multiplyStreams(Prepared prepared, float[] sums, int to, int vector, int log, Scratch scratch) {
        MemorySegment memory = memory(vector);
        int streams = 1 << log;
        int step = Math.max(1, SUMS / order.sums());
        float[] x = prepared.floats();
        Arrays.fill(sums, to, to + streams * L, 0);
        for (int g = 0; g < order.groups(); g += step) {
            int groups = Math.min(step, order.groups() - g);
            long size = (long) groups * order.sums() * Lanes.BYTES;
            MemorySegment products = scratch.aligned(streams * size);
            long at = place(vector, g);
            int k = g * order.width();
            if (integers) {
                multiplyIntegers(memory, at, log, groups, prepared.ints(), k / 2, products);
            } else {
                multiplyFloats(memory, at, log, groups, x, k, products);
            }
            int totals = (integers ? order.groups() : order.paddedColumns()) + g;
            for (int s = 0; s < streams; s++) {
                long from = at + s * order.vectorBytes();
                int out = to + s * L;
                if (integers) {
                    GroupScales.integers(memory, from, order, groups, products, s * size, x, g, totals, sums, out);
                } else {
                    GroupScales.floats(memory, from, order, groups, products, s * size, x, totals, sums, out);
                }
            }
        }
    }

    private void multiplyFloats(
            MemorySegment memory, long at, int log, int groups, float[] x, int k, MemorySegment products) {
        int head = order.headBytes();
        int blocks = order.blocks();
        int n = groups * blocks;
        long stride = order.vectorBytes();
        switch (order.bits()) {
            case 2 -> TwoBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 3);
            case 3 -> ThreeBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 1);
            default -> EightBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 255);
        }
    }

    private void multiplyIntegers(
            MemorySegment memory, long at, int log, int groups, int[] x, int k, MemorySegment products) {
        int head = order.headBytes();
        int blocks = order.blocks();
        int n = groups * blocks;
        long stride = order.vectorBytes();
        switch (order.bits()) {
            case 2 -> TwoBits.integers(memory, at, stride, log, head, blocks, n, x, k, products, 0x30003);
            case 3 -> ThreeBits.integers(memory, at, stride, log, head, blocks, n, x, k, products, 1);
            default -> throw new IllegalStateException("codes of " + order.bits() + " bits are not multiplied here");
        }
    }
}
