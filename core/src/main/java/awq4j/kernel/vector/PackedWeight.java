package awq4j.kernel.vector;

import awq4j.kernel.Scratch;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Codes with rows in lanes, off the heap, aligned to cache lines, in one stream: for each panel of four vectors of rows,
 * each group, and each of the four, a vector of scales, one of zeros, then vectors of codes, eight or four codes a lane.
 * Decode and prefill read the same copy. The memory is freed when the weight is collected.
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
    private final int vectors;
    private final MemorySegment memory;

    PackedWeight(Weight weight, Grouped layout) {
        super(weight);
        this.order = CodeOrder.of(layout, weight.columns());
        this.vectors = (weight.rows() + L - 1) / L;
        this.memory = Arena.ofAuto().allocate(vectors * order.rowsBytes(), ALIGNMENT);
        int bytes = layout.rowBytes(weight.columns());
        byte[] row = new byte[bytes + Integer.BYTES]; // ints may be read behind the end
        MemorySegment codes = MemorySegment.ofArray(row);
        for (int r = 0; r < weight.rows(); r++) {
            MemorySegment.copy(weight.values(), ValueLayout.JAVA_BYTE, (long) r * bytes, row, 0, bytes);
            pack(weight, layout, r, codes);
        }
    }

    private void pack(Weight weight, Grouped layout, int row, MemorySegment codes) {
        long lane = row % L * (long) Float.BYTES;
        for (int g = 0; g < order.groups(); g++) {
            long at = order.place(row / L, g, vectors) + lane;
            memory.set(FLOAT, at, WeightCodec.scale(weight, layout, row, g));
            memory.set(FLOAT, at + Lanes.BYTES, WeightCodec.zero(weight, layout, row, g));
            for (int j = 0; j < order.loads(g); j++) {
                int from = order.start(g) + j * order.codes();
                int count = Math.min(order.codes(), order.start(g) + order.length(g) - from);
                memory.set(
                        INT,
                        at + (2L + j) * Lanes.BYTES,
                        order.bits() == 4 ? four(codes, from, count) : eight(codes, from, count));
            }
        }
    }

    /** Codes of {@code count} columns, even ones in the lower half. */
    private static int four(MemorySegment row, int column, int count) {
        int raw = row.get(INT_ANYWHERE, column / 2);
        if (column % 2 != 0) {
            raw = (raw >>> 4) | (row.get(ValueLayout.JAVA_BYTE, column / 2 + 4) << 28);
        }
        raw = count == 8 ? raw : raw & ((1 << (4 * count)) - 1);
        return Integer.compress(raw, 0x0f0f0f0f) | (Integer.compress(raw, 0xf0f0f0f0) << 16);
    }

    private static int eight(MemorySegment row, int column, int count) {
        int raw = row.get(INT_ANYWHERE, column);
        raw = count == 4 ? raw : raw & ((1 << (8 * count)) - 1);
        return (raw & 0xff0000ff) | ((raw >>> 8) & 0xff00) | ((raw << 8) & 0xff0000);
    }

    @Override
    public long sizeBytes() {
        return memory.byteSize();
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        for (int g = 0; g < order.groups(); g++) {
            long from = order.place(row / L, g, vectors) + row % L * (long) Float.BYTES;
            float scale = memory.get(FLOAT, from);
            float zero = memory.get(FLOAT, from + Lanes.BYTES);
            for (int k = 0; k < order.length(g); k++) {
                int codes = memory.get(INT, from + (2L + k / order.codes()) * Lanes.BYTES);
                int code = (codes >>> (order.bits() * order.placeOf(k % order.codes()))) & order.mask();
                out[at + order.start(g) + k] = scale * (code - zero);
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
                Arrays.fill(prepared, place + copied, place + count, 0);
                k += count;
            }
        }
    }

    @Override
    void decodeTile(int band, int from, int to, float[] tile, Scratch scratch) {
        int width = order.loads() * order.codes();
        for (int g = from / width; g < order.groups() && order.paddedStart(g) < to; g++) {
            int first = Math.max(0, from - order.paddedStart(g)) / order.codes();
            int last = Math.min(order.loads(g), (to - order.paddedStart(g)) / order.codes());
            int at = (order.paddedStart(g) + first * order.codes() - from) * PAIR;
            for (int v = 0; v < Math.min(2, vectors - 2 * band); v++) {
                long record = order.place(2 * band + v, g, vectors);
                if (order.bits() == 4) {
                    FourBits.decode(memory, record, first, last, tile, at + v * L);
                } else {
                    EightBits.decode(memory, record, first, last, tile, at + v * L);
                }
            }
        }
    }

    @Override
    int preparedForOne() {
        return order.paddedColumns() * L + order.groups();
    }

    /**
     * Activations in the order of the codes, each in all lanes of a vector, divided by the power of two that a code is too
     * large by when it is masked and not shifted; then each group's sum, which the zeros need.
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
            prepared[order.paddedColumns() * L + g] = (float) sum;
            int to = order.paddedStart(g);
            for (int j = 0; j < order.loads(g); j++) {
                for (int place = 0; place < codes; place++) {
                    int k = j * codes + order.column(place);
                    float value = k < length ? x[start + k] * order.factor(place) : 0;
                    FloatVector.broadcast(Lanes.FLOATS, value).intoArray(prepared, (to + j * codes + place) * L);
                }
            }
        }
    }

    @Override
    void multiplyOne(float[] x, float[] prepared, float[] sums, int panel, Scratch scratch) {
        int first = panel * Lanes.PANEL_VECTORS;
        int height = Math.min(Lanes.PANEL_VECTORS, vectors - first);
        float[] products = scratch.floats(1, L);
        Arrays.fill(sums, 0, Lanes.PANEL, 0);
        long at = order.place(first, 0, vectors);
        for (int g = 0; g < order.groups(); g++) {
            int from = order.paddedStart(g) * L;
            float sum = prepared[order.paddedColumns() * L + g];
            for (int v = 0; v < height; v++) {
                if (order.bits() == 4) {
                    FourBits.multiply(memory, at, order.loads(g), prepared, from, products, order.mask());
                } else {
                    EightBits.multiply(memory, at, order.loads(g), prepared, from, products, order.mask());
                }
                scale(memory, at, products, sum, sums, v * L);
                at += order.vectorBytes(g);
            }
        }
    }

    /** {@code out += scale * (products - zero * sum)}. */
    private static void scale(MemorySegment w, long at, float[] products, float sum, float[] out, int o) {
        FloatVector scale = FloatVector.fromMemorySegment(Lanes.FLOATS, w, at, ByteOrder.LITTLE_ENDIAN);
        FloatVector zero = FloatVector.fromMemorySegment(Lanes.FLOATS, w, at + Lanes.BYTES, ByteOrder.LITTLE_ENDIAN);
        zero.fma(FloatVector.broadcast(Lanes.FLOATS, -sum), FloatVector.fromArray(Lanes.FLOATS, products, 0))
                .fma(scale, FloatVector.fromArray(Lanes.FLOATS, out, o))
                .intoArray(out, o);
    }
}
