package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of 5 to 8 bits, four to a lane; see {@link CodeOrder} for the order of the memory. */
final class EightBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    /** Bytes from a column of a tile to the next. */
    private static final long COLUMN = (long) Lanes.PAIR * Float.BYTES;

    private EightBits() {}

    /** As {@link FourBits#floats}, over blocks of 16 columns. */
    static void floats(
            MemorySegment w,
            long at,
            long stride,
            int log,
            int head,
            int blocks,
            int n,
            float[] x,
            int k,
            MemorySegment out,
            int mask) {
        int shift = Integer.numberOfTrailingZeros(blocks);
        int streams = (1 << log) - 1;
        IntVector m0 = IntVector.broadcast(I, mask); // a variable: a constant would be loaded again each time
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 8);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * (4 * B) + ((i >> shift) + 1L) * head;
            int p = k + i * 16;
            FloatVector a = FloatVector.zero(F);
            FloatVector b = FloatVector.zero(F);
            FloatVector c = FloatVector.zero(F);
            FloatVector d = FloatVector.zero(F);
            IntVector v;
            v = IntVector.fromMemorySegment(I, w, o, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 2]), b);
            v = v.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 1]), c);
            d = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 3]), d);
            v = IntVector.fromMemorySegment(I, w, o + B, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 4]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 6]), b);
            v = v.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 5]), c);
            d = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 7]), d);
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 8]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 10]), b);
            v = v.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 9]), c);
            d = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 11]), d);
            v = IntVector.fromMemorySegment(I, w, o + 3 * B, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 12]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 14]), b);
            v = v.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 13]), c);
            d = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 15]), d);
            a.add(b).add(c.add(d)).intoMemorySegment(out, ((e & streams) * n + i) * B, LE);
        }
    }

    /** As {@link FourBits#decode(MemorySegment, long, CodeOrder, MemorySegment, long, long, MemorySegment, long)}, of whole codes. */
    static void decode(MemorySegment w, long at, CodeOrder order, MemorySegment tile, long tileAt) {
        FloatVector scale = GroupScales.scale(w, at, order);
        FloatVector zero = GroupScales.zero(w, at, order);
        FloatVector bias = GroupScales.bias(w, at, order);
        int loads = order.forms();
        long codes = at + order.headBytes();
        decodeHalf(w, codes, loads, 0, scale, zero, bias, tile, tileAt);
        decodeHalf(w, codes, loads, 16, scale, zero, bias, tile, tileAt + COLUMN);
    }

    /** As {@link FourBits#decode(MemorySegment, long, int, int, MemorySegment, long, long)}. */
    static void decode(MemorySegment w, long at, int loads, int zero, MemorySegment tile, long scaleAt, long tileAt) {
        FloatVector scale = FloatVector.fromMemorySegment(F, tile, scaleAt, LE);
        FloatVector bias = FloatVector.fromMemorySegment(F, tile, scaleAt + B, LE);
        FloatVector zeros = FloatVector.broadcast(F, zero);
        decodeHalf(w, at, loads, 0, scale, zeros, bias, tile, tileAt);
        decodeHalf(w, at, loads, 16, scale, zeros, bias, tile, tileAt + COLUMN);
    }

    private static void decodeHalf(
            MemorySegment w,
            long codes,
            int loads,
            int shift,
            FloatVector scale,
            FloatVector zero,
            FloatVector bias,
            MemorySegment tile,
            long tileAt) {
        for (int j = 0; j < loads; j++) {
            IntVector v = IntVector.fromMemorySegment(I, w, codes + j * B, LE).lanewise(VectorOperators.LSHR, shift);
            long o = tileAt + j * (4 * COLUMN);
            ((FloatVector) v.and(0xff).convert(I2F, 0))
                    .sub(zero)
                    .fma(scale, bias)
                    .intoMemorySegment(tile, o, LE);
            ((FloatVector) v.lanewise(VectorOperators.LSHR, 8).and(0xff).convert(I2F, 0))
                    .sub(zero)
                    .fma(scale, bias)
                    .intoMemorySegment(tile, o + 2 * COLUMN, LE);
        }
    }
}
