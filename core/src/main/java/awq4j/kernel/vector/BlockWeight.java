package awq4j.kernel.vector;

import awq4j.kernel.CpuWeight;
import awq4j.kernel.Precision;
import awq4j.kernel.Prepared;
import awq4j.kernel.Scratch;
import awq4j.kernel.Split;
import awq4j.kernel.scalar.ScalarRowKernels;
import awq4j.weight.BlockParts;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.GgufBlock;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Blocks of a GGUF file with rows in lanes, as {@link BlockOrder} has them, off the heap, aligned to cache lines. Decode
 * and prefill read the same copy. The memory is freed when the weight is collected.
 */
final class BlockWeight extends TiledWeight {
    private static final long ALIGNMENT = 64;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Bytes of blocks that are multiplied before their scales are applied, so that they are still in the nearest cache. */
    private static final int TOGETHER = 8192;

    private static final int L = Lanes.COUNT;

    private final GgufType type;
    private final BlockOrder order;
    private final int vectors;
    private final MemorySegment memory;
    private final boolean rounds;

    /** The places of a piece's codes, see {@link BlockOrder#low} and {@link BlockOrder#high}. */
    private final int[] low;

    private final int[] high;

    /** Whether all scales and leasts are; vectors turn float16 to floats without infinities and NaN. */
    private volatile boolean finite = true;

    /** Takes blocks in; if their scales are not finite numbers, as the scalar kernels hold them. */
    static CpuWeight place(Weight weight, GgufBlock layout, Precision precision, Split split) {
        var placed = new BlockWeight(weight, layout, precision, split);
        return placed.finite ? placed : new ScalarRowKernels(precision).place(weight, split);
    }

    private BlockWeight(Weight weight, GgufBlock layout, Precision precision, Split split) {
        super(weight);
        this.type = layout.type();
        this.order = new BlockOrder(type, weight.columns());
        this.vectors = (weight.rows() + L - 1) / L;
        this.rounds = precision.roundedGroup(layout) != 0;
        this.low = new int[order.pieceColumns()];
        this.high = new int[order.pieceColumns()];
        Arrays.setAll(low, order::low);
        Arrays.setAll(high, order::high);
        this.memory = Arena.ofAuto().allocate(sizeBytes(), ALIGNMENT);
        split.over(vectors, 1, (from, to) -> pack(weight, layout, from, to));
    }

    private void pack(Weight weight, GgufBlock layout, int from, int to) {
        var parts = new BlockParts(type);
        var image = new BlockImage(order);
        long rowBytes = layout.rowBytes(weight.columns());
        for (int v = from; v < to; v++) {
            int rows = Math.min(L, weight.rows() - v * L);
            for (int b = 0; b < order.blocks(); b++) {
                image.clear();
                for (int r = 0; r < rows; r++) {
                    parts.read(weight.values(), ((long) v * L + r) * rowBytes + (long) b * type.blockBytes());
                    if (!isFinite(parts.scale()) || !isFinite(parts.least())) {
                        finite = false;
                        return;
                    }
                    image.add(parts, r);
                }
                image.write(memory, order.place(v, b));
            }
        }
    }

    private static boolean isFinite(short half) {
        return (half & 0x7c00) != 0x7c00;
    }

    @Override
    public long sizeBytes() {
        return vectors * order.vectorBytes();
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        long lane = row % L * (long) Integer.BYTES;
        int zero = type.zero();
        for (int k = 0; k < columns(); k++) {
            int column = k % type.blockColumns();
            long block = order.place(row / L, k / type.blockColumns()) + lane;
            int head = memory.get(INT, block);
            int group = column / type.groupSize();
            float by = Float.float16ToFloat((short) head) * factor(block, group);
            float less = Float.float16ToFloat((short) (head >>> 16)) * lift(block, group);
            out[at + k] = by * (code(block, column) - zero) - less;
        }
    }

    private int factor(long block, int group) {
        return switch (type) {
            case Q5_0, Q5_1 -> 1;
            case Q4_K, Q5_K -> factorBytes(block, group / 2) >>> (group % 2 * 16) & 0xff;
            case Q2_K -> factorBytes(block, group / 4) >>> (group % 4 * 8) & 0xf;
            case Q3_K, Q6_K -> (byte) (factorBytes(block, group / 4) >>> (group % 4 * 8));
        };
    }

    private int lift(long block, int group) {
        return switch (type) {
            case Q5_0, Q3_K, Q6_K -> 0;
            case Q5_1 -> -1;
            case Q4_K, Q5_K -> factorBytes(block, group / 2) >>> (group % 2 * 16 + 8) & 0xff;
            case Q2_K -> factorBytes(block, group / 4) >>> (group % 4 * 8 + 4) & 0xf;
        };
    }

    private int factorBytes(long block, int vector) {
        return memory.get(INT, block + (1L + vector) * Lanes.BYTES);
    }

    private int code(long block, int column) {
        int within = column % low.length;
        long piece = block + order.headBytes() + (long) (column / low.length) * order.pieceVectors() * Lanes.BYTES;
        int bits = order.lowBits();
        int lower = part(piece, low[within]) & ((1 << bits) - 1);
        int above = part(piece, high[within]) & ((1 << (type.bits() - bits)) - 1);
        return lower | (above << bits);
    }

    private int part(long piece, int place) {
        return memory.get(INT, piece + (long) (place >> 5) * Lanes.BYTES) >>> place;
    }

    @Override
    int few() {
        return 4;
    }

    @Override
    int paddedColumns() {
        return columns();
    }

    @Override
    void spread(float[] x, int at, float[] prepared, int to, int distance) {
        int step = rounds ? type.groupSize() : TileKernel.STRIDE;
        for (int k = 0; k < columns(); k += step) {
            int place = to + k / TileKernel.STRIDE * distance + k % TileKernel.STRIDE;
            int length = Math.min(step, columns() - k);
            if (rounds) {
                RoundedActivations.floats(x, at + k, length, prepared, place);
            } else {
                System.arraycopy(x, at + k, prepared, place, length);
            }
        }
    }

    /** Behind the tile: the forms of its columns, then a scale and a bias for each of its groups. */
    @Override
    long tileBytes() {
        int groups = TileKernel.STRIDE / type.groupSize();
        return super.tileBytes() + (TileKernel.STRIDE / order.formColumns() + 2L * groups) * Lanes.BYTES;
    }

    @Override
    void decodeTile(int band, int from, int to, MemorySegment tile, Scratch scratch) {
        int span = Math.min(TileKernel.STRIDE, type.blockColumns());
        touch(2 * band, from / type.blockColumns(), (to - 1) / type.blockColumns() + 1, scratch);
        for (int v = 0; v < Math.min(2, vectors - 2 * band); v++) {
            for (int k = from; k < to; k += span) {
                long block = order.place(2 * band + v, k / type.blockColumns());
                long at = ((k - from) * (long) Lanes.PAIR + (long) v * L) * Float.BYTES;
                decode(block, k % type.blockColumns(), span, tile, at);
            }
        }
    }

    /** Decodes some columns of a block, all of them or half. */
    private void decode(long block, int column, int count, MemorySegment tile, long at) {
        int groups = count / type.groupSize();
        int loads = type.groupSize() / order.formColumns();
        long scales = super.tileBytes();
        long forms = scales + 2L * groups * Lanes.BYTES;
        BlockScales.values(memory, block, type, column / type.groupSize(), groups, tile, scales);
        int piece = column / order.pieceColumns();
        int pieces = count / order.pieceColumns();
        long codes = block + order.headBytes() + (long) piece * order.pieceVectors() * Lanes.BYTES;
        switch (type) {
            case Q4_K -> {}
            case Q2_K -> TwoBits.forms(memory, codes, pieces, tile, forms);
            case Q3_K -> ThreeBits.forms(memory, codes, pieces, tile, forms);
            case Q5_0, Q5_1, Q5_K -> FiveBits.forms(memory, codes, pieces, tile, forms);
            case Q6_K -> SixBits.forms(memory, codes, pieces, tile, forms);
        }
        MemorySegment from = type == GgufType.Q4_K ? memory : tile;
        long start = type == GgufType.Q4_K ? codes : forms;
        for (int g = 0; g < groups; g++) {
            long scale = scales + 2L * g * Lanes.BYTES;
            long first = start + (long) g * loads * Lanes.BYTES;
            long to = at + (long) g * type.groupSize() * Lanes.PAIR * Float.BYTES;
            if (order.nibbles()) {
                FourBits.decode(from, first, loads, type.zero(), tile, scale, to);
            } else {
                EightBits.decode(from, first, loads, type.zero(), tile, scale, to);
            }
        }
    }

    /** Reads one value of each cache line of two vectors' blocks, as {@link PackedWeight} does. */
    private void touch(int vector, int fromBlock, int toBlock, Scratch scratch) {
        long sum = 0;
        for (int v = vector; v < Math.min(vector + 2, vectors); v++) {
            long end = order.place(v, toBlock);
            for (long at = order.place(v, fromBlock); at < end; at += ALIGNMENT) {
                sum += memory.get(INT, at);
            }
        }
        scratch.keep(sum);
    }

    @Override
    int preparedFloatsForOne() {
        return (rounds ? order.groups() : columns()) + order.groups();
    }

    @Override
    int preparedIntsForOne() {
        return rounds ? columns() / 2 : 0;
    }

    /**
     * Rounded: pairs of codes, then each group's scale and its total; exact: activations divided by the power of two that
     * a code is too large by, then each group's total. A total is what {@link BlockScales#floats} wants.
     */
    @Override
    void prepareOne(float[] x, int at, Prepared prepared) {
        float[] floats = prepared.floats();
        int size = type.groupSize();
        float times = type.zero() == 0 ? 1 : -type.zero();
        int totals = rounds ? order.groups() : columns();
        for (int g = 0; g < order.groups(); g++) {
            int from = g * size;
            if (rounds) {
                RoundedActivations.pairs(x, at + from, size, prepared.ints(), from / 2, floats, g, totals + g);
                floats[totals + g] *= -times * floats[g];
                continue;
            }
            double sum = 0;
            for (int k = from; k < from + size; k++) {
                sum += x[at + k];
                floats[k] = x[at + k] * order.factor(k);
            }
            floats[totals + g] = (float) (times * sum);
        }
        if (rounds && type == GgufType.Q4_K) {
            FourBits.chain(prepared.ints(), columns() / 2);
        }
    }

    @Override
    void multiplyOne(float[] x, int at, Prepared prepared, float[] sums, int row, int height, Scratch scratch) {
        int first = row / L;
        int count = (height + L - 1) / L;
        for (int v = 0; v < count; ) {
            int log = 31 - Integer.numberOfLeadingZeros(Math.min(PackedWeight.STREAMS, count - v));
            multiplyStreams(prepared, sums, v * L, first + v, log, scratch);
            v += 1 << log;
        }
    }

    private void multiplyStreams(Prepared prepared, float[] sums, int to, int vector, int log, Scratch scratch) {
        int streams = 1 << log;
        int step = Math.max(1, TOGETHER / order.blockBytes());
        Arrays.fill(sums, to, to + streams * L, 0);
        for (int b = 0; b < order.blocks(); b += step) {
            int blocks = Math.min(step, order.blocks() - b);
            long size = (long) blocks * type.groups() * Lanes.BYTES;
            MemorySegment products = scratch.aligned(streams * size);
            long at = order.place(vector, b);
            int k = b * type.blockColumns();
            if (rounds) {
                multiplyIntegers(at, log, blocks, prepared.ints(), k / 2, products);
            } else {
                multiplyFloats(at, log, blocks, prepared.floats(), k, products);
            }
            int totals = (rounds ? order.groups() : columns()) + b * type.groups();
            for (int s = 0; s < streams; s++) {
                if (rounds) {
                    int groups = blocks * type.groups();
                    BlockScales.toFloats(products, s * size, groups, prepared.floats(), b * type.groups());
                }
                long from = at + s * order.vectorBytes();
                BlockScales.floats(
                        memory, from, order, blocks, products, s * size, prepared.floats(), totals, sums, to + s * L);
            }
        }
    }

    private void multiplyFloats(long at, int log, int blocks, float[] x, int k, MemorySegment products) {
        int head = order.headBytes();
        int pieces = order.pieces();
        int n = blocks * pieces;
        long stride = order.vectorBytes();
        switch (type) {
            case Q2_K -> TwoBits.floats(memory, at, stride, log, head, pieces, n, x, k, products, 3);
            case Q3_K -> ThreeBits.floats(memory, at, stride, log, head, pieces, n, x, k, products, 1);
            case Q4_K -> FourBits.floats(memory, at, stride, log, head, pieces, n, x, k, products, 15);
            case Q5_0, Q5_1, Q5_K -> FiveBits.floats(memory, at, stride, log, head, pieces, n, x, k, products, 1);
            case Q6_K -> SixBits.floats(memory, at, stride, log, head, pieces, n, x, k, products, 1);
        }
    }

    private void multiplyIntegers(long at, int log, int blocks, int[] x, int k, MemorySegment products) {
        int head = order.headBytes();
        int pieces = order.pieces();
        int n = blocks * pieces;
        long stride = order.vectorBytes();
        switch (type) {
            case Q2_K -> TwoBits.integers(memory, at, stride, log, head, pieces, n, x, k, products, 0x30003);
            case Q3_K -> ThreeBits.integers(memory, at, stride, log, head, pieces, n, x, k, products, 1);
            case Q4_K -> FourBits.integers(memory, at, stride, log, head, pieces, n, x, k, products);
            case Q5_0, Q5_1, Q5_K, Q6_K -> throw new IllegalStateException(type + " meets floats only");
        }
    }
}
