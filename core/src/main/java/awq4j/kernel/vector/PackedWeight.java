package awq4j.kernel.vector;

import awq4j.kernel.Precision;
import awq4j.kernel.Prepared;
import awq4j.kernel.Scratch;
import awq4j.kernel.Split;
import awq4j.weight.InputOrder;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Codes with rows in lanes, off the heap, aligned to cache lines: for each vector of rows, each group, its scales and
 * zeros (or biases), then blocks of codes as {@link CodeOrder} has them. Decode and prefill read the same copy. The memory is freed
 * when the weight is collected.
 */
final class PackedWeight extends TiledWeight {
    private static final long ALIGNMENT = 64;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * Vectors of rows that one token is multiplied with in turn, each a stream of memory of its own, a power of two. Where
     * memory is far away a machine reads ahead in each, and one stream does not keep it busy; another reads ahead far
     * enough in one, and more of them only get into each other's way (docs/results/cpu.md).
     */
    static final int STREAMS = Processor.INTEL ? 8 : 1;

    /**
     * Sums of blocks that stand in memory before scales are applied. While they are, nothing new is read: with one stream it
     * has to be over before what the machine has read ahead is used up. For eight streams of 512 bits the sums are 32 KiB.
     */
    private static final int SUMS = STREAMS > 1 ? 64 : 16;

    private static final int L = Lanes.COUNT;

    /** Raise the number when bytes come to lie otherwise: files of packed weights name their order. */
    private static final String ORDER = "rows" + L + "-v1-";

    private static final String HALVES = ORDER + "f16";
    private static final String FLOATS = ORDER + "f32";

    /** Behind the order of codes of 2 or 3 bits that lie as such; without it they take 4, as in files of old. */
    private static final String BITS = "-bits";

    /** Behind the order of a matrix whose memory ends with its {@link InputOrder}. */
    private static final String GATHERED = "-gathered";

    private static final boolean INTEGER_TILES = IntegerTile.faster();

    private final CodeOrder order;
    private final int vectors;
    private final MemorySegment memory;
    private final boolean rounds;

    /**
     * Whether products with rounded activations are summed in integers. Of codes of 8 bits only two fit a 16-bit sum: as
     * many instructions as in floats.
     */
    private final boolean integers;

    PackedWeight(Weight weight, Grouped layout, Precision precision, Split split) {
        super(weight);
        this.order = CodeOrder.of(layout, weight.columns(), CodeOrder.bits(layout), halves(weight, layout));
        this.vectors = (weight.rows() + L - 1) / L;
        this.rounds = precision.roundedGroup(layout()) != 0;
        this.integers = rounds && order.bits() <= 4;
        this.memory = Arena.ofAuto().allocate(memoryBytes(weight.inputOrder() != null), ALIGNMENT);
        if (weight.inputOrder() != null) {
            weight.inputOrder().write(memory.asSlice(wholeLines(sizeBytes())));
        }
        split.over(vectors, 1, (from, to) -> pack(weight, layout, from * L, Math.min(weight.rows(), to * L)));
    }

    /** Takes in what {@link #toMatrix} gave. */
    PackedWeight(PackedMatrix packed, Precision precision) {
        super(packed.name(), packed.rows(), packed.columns(), packed.layout(), inputOrder(packed));
        if (!reads(packed.order())) {
            throw new IllegalArgumentException("matrix " + packed.name() + ": expected the order " + HALVES + " or "
                    + FLOATS + ", found " + packed.order());
        }
        this.order = CodeOrder.of(
                packed.layout(), packed.columns(), bits(packed), packed.order().startsWith(HALVES));
        this.vectors = (packed.rows() - 1) / L + 1;
        this.rounds = precision.roundedGroup(layout()) != 0;
        this.integers = rounds && order.bits() <= 4;
        this.memory = packed.memory();
        long expected = memoryBytes(inputOrder() != null);
        if (memory.byteSize() != expected) {
            throw new IllegalArgumentException("matrix " + packed.name() + ": expected " + expected
                    + " bytes in the order " + packed.order() + ", found " + memory.byteSize());
        }
        if (memory.address() % ALIGNMENT != 0) {
            throw new IllegalArgumentException(
                    "matrix " + packed.name() + ": expected memory aligned to " + ALIGNMENT + " bytes");
        }
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

    /** What a code takes in a kept matrix. */
    private static int bits(PackedMatrix packed) {
        int bits = CodeOrder.bits(packed.layout());
        if (bits >= 4) {
            return bits;
        }
        return without(GATHERED, packed.order()).endsWith(BITS + bits) ? bits : 4;
    }

    private static @Nullable InputOrder inputOrder(PackedMatrix packed) {
        if (!packed.order().endsWith(GATHERED)) {
            return null;
        }
        long bytes = inputOrderBytes(packed.columns());
        long size = packed.memory().byteSize();
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
        return new PackedMatrix(name(), rows(), columns(), (Grouped) layout(), named, memory);
    }

    private long memoryBytes(boolean gathered) {
        return wholeLines(sizeBytes()) + (gathered ? inputOrderBytes(columns()) : 0);
    }

    /** Whether every scale is a finite float16, and every bias. */
    private static boolean halves(Weight weight, Grouped layout) {
        int groups = layout.groups(weight.columns());
        for (int r = 0; r < weight.rows(); r++) {
            for (int g = 0; g < groups; g++) {
                if (!isHalf(WeightCodec.scale(weight, layout, r, g))
                        || (layout.zeroPoint() == ZeroPoint.FLOAT && !isHalf(WeightCodec.bias(weight, layout, r, g)))) {
                    return false;
                }
            }
        }
        return true;
    }

    private static boolean isHalf(float value) {
        return Float.isFinite(value) && Float.float16ToFloat(Float.floatToFloat16(value)) == value;
    }

    private void pack(Weight weight, Grouped layout, int from, int to) {
        int bytes = layout.rowBytes(weight.columns());
        byte[] row = new byte[bytes + Integer.BYTES]; // ints may be read behind the end
        MemorySegment codes = MemorySegment.ofArray(row);
        for (int r = from; r < to; r++) {
            MemorySegment.copy(weight.values(), ValueLayout.JAVA_BYTE, (long) r * bytes, row, 0, bytes);
            pack(weight, layout, r, codes);
        }
    }

    private void pack(Weight weight, Grouped layout, int row, MemorySegment codes) {
        long lane = row % L * (long) Float.BYTES;
        for (int g = 0; g < order.groups(); g++) {
            long at = order.place(row / L, g) + lane;
            float scale = WeightCodec.scale(weight, layout, row, order.source(g));
            if (order.biased()) {
                packBiased(at, scale, WeightCodec.bias(weight, layout, row, order.source(g)));
            } else {
                packHead(at, scale, WeightCodec.zero(weight, layout, row, order.source(g)));
            }
            LaneCodes.put(order, codes, order.start(g), order.length(g), memory, at + order.headBytes());
        }
    }

    private void packHead(long at, float scale, int zero) {
        if (order.halves()) {
            memory.set(INT, at, (zero << 16) | (Float.floatToFloat16(scale) & 0xffff));
        } else {
            memory.set(FLOAT, at, scale);
            memory.set(FLOAT, at + Lanes.BYTES, zero);
        }
    }

    private void packBiased(long at, float scale, float bias) {
        if (order.halves()) {
            memory.set(INT, at, (Float.floatToFloat16(bias) << 16) | (Float.floatToFloat16(scale) & 0xffff));
        } else {
            memory.set(FLOAT, at, scale);
            memory.set(FLOAT, at + Lanes.BYTES, bias);
        }
    }

    @Override
    public long sizeBytes() {
        return vectors * order.vectorBytes();
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        for (int g = 0; g < order.groups(); g++) {
            long from = order.place(row / L, g) + row % L * (long) Float.BYTES;
            int head = memory.get(INT, from);
            float scale = order.halves() ? Float.float16ToFloat((short) head) : memory.get(FLOAT, from);
            float second;
            if (order.halves()) {
                second = order.biased() ? Float.float16ToFloat((short) (head >>> 16)) : head >>> 16;
            } else {
                second = memory.get(FLOAT, from + Lanes.BYTES);
            }
            long codes = from + order.headBytes();
            IntUnaryOperator vector = i -> memory.get(INT, codes + (long) i * Lanes.BYTES);
            for (int k = 0; k < order.length(g); k++) {
                int code = order.code(k, vector);
                out[at + order.start(g) + k] = order.biased() ? Math.fma(scale, code, second) : scale * (code - second);
            }
        }
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
        touch(2 * band, from / order.width(), Math.ceilDiv(to, order.width()), scratch);
        for (int g = from / order.width(); g * order.width() < to; g++) {
            for (int v = 0; v < Math.min(2, vectors - 2 * band); v++) {
                long group = order.place(2 * band + v, g);
                long at = ((g * (long) order.width() - from) * Lanes.PAIR + (long) v * L) * Float.BYTES;
                long codes = group + order.headBytes();
                long forms = super.tileBytes();
                switch (order.bits()) {
                    case 2, 3 -> {
                        unfold(codes, tile, forms);
                        FourBits.decode(memory, group, order, tile, forms, tile, at);
                    }
                    case 4 -> FourBits.decode(memory, group, order, memory, codes, tile, at);
                    default -> EightBits.decode(memory, group, order, tile, at);
                }
            }
        }
    }

    /** Writes a group's codes of 2 or 3 bits as nibbles. */
    private void unfold(long codes, MemorySegment forms, long at) {
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
        touch(2 * band, from, to, scratch);
        for (int g = from; g < to; g++) {
            long at = (g - from) * bytes;
            for (int v = 0; v < Math.min(2, vectors - 2 * band); v++) {
                long group = order.place(2 * band + v, g);
                long codes = group + order.headBytes();
                long vectorAt = at + (long) v * Lanes.BYTES;
                if (order.bits() == 4) {
                    IntegerTile.decode(memory, group, order, memory, codes, tile, vectorAt);
                    continue;
                }
                unfold(codes, tile, IntegerTileKernel.bytes());
                IntegerTile.decode(memory, group, order, tile, IntegerTileKernel.bytes(), tile, vectorAt);
            }
            int scales = 2 * g * n + first;
            for (int v = 0; order.biased() && v < Math.min(2, vectors - 2 * band); v++) {
                long place = order.place(2 * band + v, g);
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
        long sum = 0;
        for (int v = vector; v < Math.min(vector + 2, vectors); v++) {
            long end = order.place(v, fromGroup) + (long) (toGroup - fromGroup) * order.groupBytes();
            for (long at = order.place(v, fromGroup); at < end; at += ALIGNMENT) {
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
    void prepareOne(float[] x, Prepared prepared) {
        float[] floats = prepared.floats();
        if (integers) {
            for (int g = 0; g < order.groups(); g++) {
                int to = g * order.width() / 2;
                RoundedActivations.pairs(x, 0, order, g, prepared.ints(), to, floats, g, order.groups() + g);
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
                RoundedActivations.floats(x, 0, order, g, floats, to);
            } else {
                System.arraycopy(x, start, floats, to, length);
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
    void multiplyOne(float[] x, Prepared prepared, float[] sums, int row, int height, Scratch scratch) {
        int first = row / L;
        int count = (height + L - 1) / L;
        for (int v = 0; v < count; ) {
            int log = 31 - Integer.numberOfLeadingZeros(Math.min(STREAMS, count - v));
            multiplyStreams(prepared, sums, v * L, first + v, log, scratch);
            v += 1 << log;
        }
    }

    private void multiplyStreams(Prepared prepared, float[] sums, int to, int vector, int log, Scratch scratch) {
        int streams = 1 << log;
        int step = Math.max(1, SUMS / order.sums());
        float[] x = prepared.floats();
        Arrays.fill(sums, to, to + streams * L, 0);
        for (int g = 0; g < order.groups(); g += step) {
            int groups = Math.min(step, order.groups() - g);
            long size = (long) groups * order.sums() * Lanes.BYTES;
            MemorySegment products = scratch.aligned(streams * size);
            long at = order.place(vector, g);
            int k = g * order.width();
            if (integers) {
                multiplyIntegers(at, log, groups, prepared.ints(), k / 2, products);
            } else {
                multiplyFloats(at, log, groups, x, k, products);
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

    private void multiplyFloats(long at, int log, int groups, float[] x, int k, MemorySegment products) {
        int head = order.headBytes();
        int blocks = order.blocks();
        int n = groups * blocks;
        long stride = order.vectorBytes();
        switch (order.bits()) {
            case 2 -> TwoBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 3);
            case 3 -> ThreeBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 1);
            case 4 -> FourBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 15);
            default -> EightBits.floats(memory, at, stride, log, head, blocks, n, x, k, products, 255);
        }
    }

    private void multiplyIntegers(long at, int log, int groups, int[] x, int k, MemorySegment products) {
        int head = order.headBytes();
        int blocks = order.blocks();
        int n = groups * blocks;
        long stride = order.vectorBytes();
        switch (order.bits()) {
            case 2 -> TwoBits.integers(memory, at, stride, log, head, blocks, n, x, k, products, 0x30003);
            case 3 -> ThreeBits.integers(memory, at, stride, log, head, blocks, n, x, k, products, 1);
            case 4 -> FourBits.integers(memory, at, stride, log, head, blocks, n, x, k, products);
            default -> throw new IllegalStateException("codes of " + order.bits() + " bits meet floats only");
        }
    }
}
