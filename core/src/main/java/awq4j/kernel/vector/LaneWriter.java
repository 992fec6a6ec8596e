package awq4j.kernel.vector;

import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * Puts a weight's rows into lanes, in the order of {@link CodeOrder}: a vector of rows at a time, in arrays, which are
 * then copied out whole. Arrays, since a fresh Java packs a model mostly in code that its compiler has hardly seen, and
 * there an access to a memory segment takes ten times as long. An object serves one thread.
 */
final class LaneWriter {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT_ANYWHERE =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT_ANYWHERE =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int L = Lanes.COUNT;

    private final Weight weight;
    private final CodeOrder order;
    private final int sourceGroups;
    private final int rowBytes;

    /** Codes in an int of a row. */
    private final int perInt;

    /** Whether each int of a row of codes belongs to one lane's int. */
    private final boolean whole;

    /** Codes of a vector of rows, row after row; ints may be read behind the last. */
    private final int[] codes;

    private final float[] scales;
    private final float[] biases;
    private final byte[] zeros;
    private final int[] out;

    LaneWriter(Weight weight, Grouped layout, CodeOrder order) {
        this.weight = weight;
        this.order = order;
        this.sourceGroups = layout.groups(weight.columns());
        this.rowBytes = layout.rowBytes(weight.columns());
        this.perInt = 32 / layout.storageBits();
        this.whole = order.bits() == layout.storageBits()
                && order.groupSize() % perInt == 0
                && weight.columns() % perInt == 0;
        this.codes = new int[L * rowInts() + 1];
        this.scales = new float[L * sourceGroups];
        this.biases = new float[order.biased() ? L * sourceGroups : 0];
        this.zeros = new byte[order.biased() ? 0 : L * sourceGroups];
        this.out = new int[Math.toIntExact(order.abreast() * order.vectorBytes() / Integer.BYTES)];
        if (layout.zeroPoint() == ZeroPoint.MIDDLE) {
            Arrays.fill(zeros, (byte) (1 << (layout.bits() - 1)));
        }
    }

    private int rowInts() {
        return Math.ceilDiv(rowBytes, Integer.BYTES);
    }

    /** Whether every scale of some rows is a finite float16, and every bias. */
    static boolean halves(Weight weight, Grouped layout, int fromRow, int toRow) {
        return halves(Objects.requireNonNull(weight.scales()), layout, weight.columns(), fromRow, toRow)
                && (layout.zeroPoint() != ZeroPoint.FLOAT
                        || halves(Objects.requireNonNull(weight.zeros()), layout, weight.columns(), fromRow, toRow));
    }

    private static boolean halves(MemorySegment floats, Grouped layout, int columns, int fromRow, int toRow) {
        int groups = layout.groups(columns);
        float[] row = new float[groups];
        boolean halves = true;
        for (int r = fromRow; r < toRow && halves; r++) {
            MemorySegment.copy(floats, FLOAT_ANYWHERE, (long) r * groups * Float.BYTES, row, 0, groups);
            for (float value : row) {
                halves &= Float.isFinite(value) && Float.float16ToFloat(Float.floatToFloat16(value)) == value;
            }
        }
        return halves;
    }

    /**
     * Writes all bytes of a vector of rows and of those that lie beside it, from byte {@code at} on; lanes behind the last
     * row are zero.
     *
     * @param vector the first, a multiple of {@link CodeOrder#abreast}
     */
    void write(int vector, MemorySegment memory, long at) {
        for (int side = 0; side < order.abreast(); side++) {
            int row = (vector + side) * L;
            read(row, Math.clamp(weight.rows() - row, 0, L));
            heads(side);
            if (whole) {
                pairUp();
                transpose(side);
            } else {
                for (int lane = 0; lane < L; lane++) {
                    collect(side, lane);
                }
            }
        }
        MemorySegment.copy(out, 0, memory, INT, at, out.length);
    }

    private void read(int row, int rows) {
        if (rows < L) { // the last vectors
            Arrays.fill(codes, rows * rowInts(), codes.length, 0);
            Arrays.fill(scales, rows * sourceGroups, scales.length, 0);
            if (order.biased()) {
                Arrays.fill(biases, rows * sourceGroups, biases.length, 0);
            } else {
                Arrays.fill(zeros, rows * sourceGroups, zeros.length, (byte) 0);
            }
        }
        if (rows == 0) {
            return;
        }
        MemorySegment values = weight.values();
        if (rowBytes % Integer.BYTES == 0) {
            MemorySegment.copy(
                    values, INT_ANYWHERE, (long) row * rowBytes, codes, 0, rows * (rowBytes / Integer.BYTES));
        } else {
            MemorySegment target = MemorySegment.ofArray(codes);
            for (int lane = 0; lane < rows; lane++) {
                long to = (long) lane * rowInts() * Integer.BYTES;
                MemorySegment.copy(values, (long) (row + lane) * rowBytes, target, to, rowBytes);
            }
        }
        long first = (long) row * sourceGroups;
        int count = rows * sourceGroups;
        MemorySegment.copy(
                Objects.requireNonNull(weight.scales()), FLOAT_ANYWHERE, first * Float.BYTES, scales, 0, count);
        if (weight.zeros() != null && order.biased()) {
            MemorySegment.copy(weight.zeros(), FLOAT_ANYWHERE, first * Float.BYTES, biases, 0, count);
        } else if (weight.zeros() != null) {
            MemorySegment.copy(weight.zeros(), ValueLayout.JAVA_BYTE, first, zeros, 0, count);
        }
    }

    /** Scale and zero (or bias) of every group. */
    private void heads(int side) {
        for (int g = 0; g < order.groups(); g++) {
            int at = (int) (order.place(side, g) / Integer.BYTES);
            int from = order.source(g);
            for (int lane = 0; lane < L; lane++, from += sourceGroups) {
                float scale = scales[from];
                if (order.halves()) {
                    int second = order.biased() ? Float.floatToFloat16(biases[from]) : zeros[from] & 0xff;
                    out[at + lane] = (second << 16) | (Float.floatToFloat16(scale) & 0xffff);
                } else {
                    float second = order.biased() ? biases[from] : zeros[from] & 0xff;
                    out[at + lane] = Float.floatToRawIntBits(scale);
                    out[at + L + lane] = Float.floatToRawIntBits(second);
                }
            }
        }
    }

    /** Brings even columns of each int into its lower half: a loop that the compiler makes vectors of. */
    private void pairUp() {
        if (order.bits() == 4) {
            for (int i = 0; i < codes.length; i++) {
                codes[i] = four(codes[i]);
            }
        } else {
            for (int i = 0; i < codes.length; i++) {
                codes[i] = eight(codes[i]);
            }
        }
    }

    private void transpose(int side) {
        int rowInts = rowInts();
        int step = (int) (order.codeStep() / Integer.BYTES);
        for (int g = 0; g < order.groups(); g++) {
            int at = (int) (order.codes(side, g) / Integer.BYTES);
            int from = order.start(g) / perInt;
            int end = from + order.length(g) / perInt;
            for (; from < end; from++, at += step) {
                for (int lane = 0; lane < L; lane++) {
                    out[at + lane] = codes[lane * rowInts + from];
                }
            }
        }
    }

    /** The codes of one row, whose groups begin anywhere in an int, or which take fewer bits in a lane. */
    private void collect(int side, int lane) {
        MemorySegment row = MemorySegment.ofArray(codes).asSlice((long) lane * rowInts() * Integer.BYTES);
        MemorySegment target = MemorySegment.ofArray(out);
        for (int g = 0; g < order.groups(); g++) {
            long at = order.codes(side, g) + (long) lane * Integer.BYTES;
            LaneCodes.put(order, row, order.start(g), order.length(g), target, at);
        }
    }

    /** Of eight nibbles the even ones to the lower half. */
    private static int four(int x) {
        int t = (x ^ (x >>> 4)) & 0x00f000f0;
        return eight(x ^ t ^ (t << 4));
    }

    /** Of four bytes the even ones to the lower half. */
    private static int eight(int x) {
        int t = (x ^ (x >>> 8)) & 0x0000ff00;
        return x ^ t ^ (t << 8);
    }
}
