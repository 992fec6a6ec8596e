package awq4j.kernel.vector;

import awq4j.kernel.Scratch;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Codes with rows in lanes, off the heap, aligned to cache lines, in one stream: for each band of {@link Lanes#PAIR} rows
 * and each group, two vectors of scales, two of zeros, then pairs of vectors of codes. Decode and prefill read the same
 * copy. The memory is freed when the weight is collected.
 */
final class PackedWeight extends TiledWeight {
    private static final long ALIGNMENT = 64;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT_ANYWHERE =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    private final CodeOrder order;
    private final MemorySegment memory;

    PackedWeight(Weight weight, Grouped layout) {
        super(weight);
        this.order = CodeOrder.of(layout, weight.columns());
        int bands = (weight.rows() + PAIR - 1) / PAIR;
        this.memory = Arena.ofAuto().allocate(bands * order.bandBytes(), ALIGNMENT);
        byte[] row = new byte[layout.rowBytes(weight.columns()) + Integer.BYTES]; // ints may be read behind the end
        for (int r = 0; r < weight.rows(); r++) {
            MemorySegment.copy(
                    weight.values(), ValueLayout.JAVA_BYTE, (long) r * (row.length - 4), row, 0, row.length - 4);
            pack(weight, layout, r, MemorySegment.ofArray(row));
        }
    }

    private void pack(Weight weight, Grouped layout, int row, MemorySegment codes) {
        long record = row / PAIR * order.bandBytes();
        long lane = row % PAIR * (long) Float.BYTES;
        for (int g = 0; g < order.groups(); g++) {
            memory.set(FLOAT, record + lane, WeightCodec.scale(weight, layout, row, g));
            memory.set(FLOAT, record + 2 * Lanes.BYTES + lane, WeightCodec.zero(weight, layout, row, g));
            for (int j = 0; j < order.loads(g); j++) {
                int from = order.start(g) + j * order.codes();
                int count = Math.min(order.codes(), order.start(g) + order.length(g) - from);
                memory.set(
                        INT,
                        record + (4 + 2 * j) * (long) Lanes.BYTES + lane,
                        order.bits() == 4 ? four(codes, from, count) : eight(codes, from, count));
            }
            record += order.recordBytes(g);
        }
    }

    /** Codes of {@code count} columns, even ones in the lower half. */
    private static int four(MemorySegment row, int column, int count) {
        int raw = row.get(INT_ANYWHERE, column / 2);
        if (column % 2 != 0) {
            raw = raw >>> 4 | row.get(ValueLayout.JAVA_BYTE, column / 2 + 4) << 28;
        }
        raw = count == 8 ? raw : raw & (1 << 4 * count) - 1;
        return Integer.compress(raw, 0x0f0f0f0f) | Integer.compress(raw, 0xf0f0f0f0) << 16;
    }

    private static int eight(MemorySegment row, int column, int count) {
        int raw = row.get(INT_ANYWHERE, column);
        raw = count == 4 ? raw : raw & (1 << 8 * count) - 1;
        return raw & 0xff0000ff | raw >>> 8 & 0xff00 | raw << 8 & 0xff0000;
    }

    @Override
    public long sizeBytes() {
        return memory.byteSize();
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        long record = row / PAIR * order.bandBytes();
        long lane = row % PAIR * (long) Float.BYTES;
        int mask = (1 << order.bits()) - 1;
        for (int g = 0; g < order.groups(); g++) {
            float scale = memory.get(FLOAT, record + lane);
            float zero = memory.get(FLOAT, record + 2 * Lanes.BYTES + lane);
            int end = order.start(g) + order.length(g);
            for (int j = 0; j < order.loads(g); j++) {
                int codes = memory.get(INT, record + (4 + 2 * j) * (long) Lanes.BYTES + lane);
                for (int place = 0; place < order.codes(); place++) {
                    int column = order.start(g) + j * order.codes() + order.column(place);
                    if (column < end) {
                        out[at + column] = scale * ((codes >>> order.bits() * place & mask) - zero);
                    }
                }
            }
            record += order.recordBytes(g);
        }
    }

    @Override
    int paddedColumns() {
        return order.paddedColumns();
    }

    @Override
    void spread(float[] x, int at, float[] prepared, int to, int distance) {
        for (int g = 0; g < order.groups(); g++) {
            int length = order.length(g);
            int padded = order.loads(g) * order.codes();
            for (int k = 0; k < padded; ) {
                int column = order.paddedStart(g) + k;
                int piece = column / MicroKernel.STRIDE;
                int within = column % MicroKernel.STRIDE;
                int count = Math.min(padded - k, MicroKernel.STRIDE - within);
                int copied = Math.clamp(length - k, 0, count);
                int place = to + piece * distance + within;
                System.arraycopy(x, at + order.start(g) + k, prepared, place, copied);
                java.util.Arrays.fill(prepared, place + copied, place + count, 0);
                k += count;
            }
        }
    }

    @Override
    void decodeTile(int band, int from, int to, float[] tile, Scratch scratch) {
        int width = order.loads() * order.codes();
        long start = band * order.bandBytes();
        for (int g = from / width; g < order.groups() && order.paddedStart(g) < to; g++) {
            long record = start + g * order.recordBytes(0);
            int firstLoad = Math.max(0, from - order.paddedStart(g)) / order.codes();
            int lastLoad = Math.min(order.loads(g), (to - order.paddedStart(g)) / order.codes());
            int at = (order.paddedStart(g) + firstLoad * order.codes() - from) * PAIR;
            if (order.bits() == 4) {
                FourBits.decode(memory, record, firstLoad, lastLoad, tile, at);
            } else {
                EightBits.decode(memory, record, firstLoad, lastLoad, tile, at);
            }
        }
    }

    @Override
    int preparedForOne() {
        return order.paddedColumns() + order.groups();
    }

    /**
     * Activations in the order of the codes, divided by the power of two that a code is too large by when it is masked
     * and not shifted; then each group's sum, which the zeros need.
     */
    @Override
    void prepareOne(float[] x, float[] prepared) {
        int codes = order.codes();
        for (int g = 0; g < order.groups(); g++) {
            int start = order.start(g);
            int length = order.length(g);
            double sum = 0;
            for (int k = 0; k < length; k++) {
                sum += x[start + k];
            }
            prepared[order.paddedColumns() + g] = (float) sum;
            int to = order.paddedStart(g);
            for (int j = 0; j < order.loads(g); j++) {
                float factor = 1;
                for (int place = 0; place < codes; place++) {
                    int k = j * codes + order.column(place);
                    float value = k < length ? x[start + k] : 0;
                    // the last code is shifted: masked it would be a negative number
                    prepared[to + j * codes + place] = place == codes - 1 ? value : value * factor;
                    factor /= 1 << order.bits();
                }
            }
        }
    }

    @Override
    void multiplyOne(float[] x, float[] prepared, float[] sums, int band, Scratch scratch) {
        long at = band * order.bandBytes();
        if (order.bits() == 4) {
            FourBits.multiply(memory, at, order.groups(), order.loads(), order.lastLoads(), prepared, sums);
        } else {
            EightBits.multiply(memory, at, order.groups(), order.loads(), order.lastLoads(), prepared, sums);
        }
    }
}
