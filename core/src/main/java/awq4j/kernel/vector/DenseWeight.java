package awq4j.kernel.vector;

import awq4j.kernel.Prepared;
import awq4j.kernel.Scratch;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Floats of 32 or 16 bits, read where they lie, row by row, and converted a piece at a time. */
final class DenseWeight extends TiledWeight {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int PAIR = Lanes.PAIR;

    private final DType dtype;
    private final MemorySegment values;

    DenseWeight(Weight weight, DType dtype) {
        super(weight);
        this.dtype = dtype;
        this.values = weight.values();
    }

    @Override
    public long sizeBytes() {
        return values.byteSize();
    }

    /** Value by value, unlike {@link #read}: a token's embedding would need memory that no thread holds for it. */
    @Override
    public void decodeRow(int row, float[] out, int at) {
        long from = (long) row * columns() * dtype.bytes();
        for (int k = 0; k < columns(); k++) {
            long place = from + (long) k * dtype.bytes();
            out[at + k] = switch (dtype) {
                case F32 -> values.get(FLOAT, place);
                case F16 -> Float.float16ToFloat(values.get(SHORT, place));
                case BF16 -> FloatFormats.bf16ToFloat(values.get(SHORT, place));
                case F64, I64, I32, I16, I8, U8, BOOL -> throw notFloats();
            };
        }
    }

    private void read(int row, int column, int count, float[] out, int at, Scratch scratch) {
        long from = ((long) row * columns() + column) * dtype.bytes();
        if (dtype == DType.F32) {
            MemorySegment.copy(values, FLOAT, from, out, at, count);
            return;
        }
        short[] bits = scratch.shorts(count);
        MemorySegment.copy(values, SHORT, from, bits, 0, count);
        if (dtype == DType.F16) {
            HalfFloats.fromF16(bits, 0, out, at, count);
        } else {
            HalfFloats.fromBf16(bits, 0, out, at, count);
        }
    }

    @Override
    int few() {
        return 16;
    }

    @Override
    int paddedColumns() {
        return columns();
    }

    @Override
    void spread(float[] x, int at, float[] prepared, int to, int distance) {
        for (int k = 0, piece = 0; k < columns(); k += TileKernel.STRIDE, piece++) {
            int count = Math.min(TileKernel.STRIDE, columns() - k);
            System.arraycopy(x, at + k, prepared, to + piece * distance, count);
        }
    }

    @Override
    void decodeTile(int band, int from, int to, MemorySegment tile, Scratch scratch) {
        int count = to - from;
        int height = Math.min(PAIR, rows() - band * PAIR);
        float[] row = scratch.floats(2, TileKernel.STRIDE);
        float[] turned = scratch.floats(3, TileKernel.STRIDE * PAIR);
        for (int r = 0; r < height; r++) {
            read(band * PAIR + r, from, count, row, 0, scratch);
            turn(row, count, turned, r);
        }
        MemorySegment.copy(turned, 0, tile, ValueLayout.JAVA_FLOAT, 0, count * PAIR);
    }

    /** Between arrays: where HotSpot compiles it early, each access to a segment stays a call. */
    private static void turn(float[] row, int count, float[] to, int at) {
        for (int k = 0; k < count; k++) {
            to[k * PAIR + at] = row[k];
        }
    }

    @Override
    int preparedFloatsForOne() {
        return 0;
    }

    @Override
    int preparedIntsForOne() {
        return 0;
    }

    @Override
    void prepareOne(float[] x, int at, Prepared prepared) {}

    @Override
    void multiplyOne(float[] x, int from, Prepared prepared, float[] sums, int first, int height, Scratch scratch) {
        for (int r = 0; r < height; r++) {
            int row = first + r;
            long at = (long) row * columns() * dtype.bytes();
            sums[r] = switch (dtype) {
                case F32 -> DenseDots.f32(values, at, x, from, columns());
                case BF16 -> DenseDots.bf16(values, at, x, from, columns());
                case F16 -> DenseDots.f16(values, at, x, from, columns());
                case F64, I64, I32, I16, I8, U8, BOOL -> throw notFloats();
            };
            if (dtype == DType.F16 && Float.isNaN(sums[r])) {
                float[] exact = scratch.floats(2, columns());
                read(row, 0, columns(), exact, 0, scratch);
                sums[r] = DenseDots.f32(MemorySegment.ofArray(exact), 0, x, from, columns());
            }
        }
    }

    private IllegalStateException notFloats() {
        return new IllegalStateException("dense " + dtype);
    }
}
