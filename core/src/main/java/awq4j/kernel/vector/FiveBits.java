package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of 5 bits, 32 columns to a piece of five vectors; see {@link BlockOrder}. */
final class FiveBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    private FiveBits() {}

    /**
     * As {@link TwoBits#floats}.
     *
     * @param one as in {@link ThreeBits#floats}
     */
    static void floats(
            MemorySegment w,
            long at,
            long stride,
            int log,
            int head,
            int pieces,
            int n,
            float[] x,
            int k,
            MemorySegment out,
            int one) {
        int shift = Integer.numberOfTrailingZeros(pieces);
        int streams = (1 << log) - 1;
        IntVector low = IntVector.broadcast(I, one * 0x0f0f0f0f);
        IntVector high = IntVector.broadcast(I, one * 0x10101010);
        IntVector m0 = IntVector.broadcast(I, one * 0xff);
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 8);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * (5 * B) + ((i >> shift) + 1L) * head;
            int p = k + i * 32;
            FloatVector a = FloatVector.zero(F);
            FloatVector b = FloatVector.zero(F);
            FloatVector c = FloatVector.zero(F);
            FloatVector d = FloatVector.zero(F);
            IntVector h = IntVector.fromMemorySegment(I, w, o + 4 * B, LE);
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            IntVector u = v.and(low).or(h.lanewise(VectorOperators.LSHL, 4).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 2]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 1]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 3]), d);
            u = v.lanewise(VectorOperators.LSHR, 4)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHL, 3).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 4]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 6]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 5]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 7]), d);
            v = IntVector.fromMemorySegment(I, w, o + B, LE);
            u = v.and(low).or(h.lanewise(VectorOperators.LSHL, 2).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 8]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 10]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 9]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 11]), d);
            u = v.lanewise(VectorOperators.LSHR, 4)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHL, 1).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 12]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 14]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 13]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 15]), d);
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            u = v.and(low).or(h.and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 16]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 18]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 17]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 19]), d);
            u = v.lanewise(VectorOperators.LSHR, 4)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHR, 1).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 20]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 22]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 21]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 23]), d);
            v = IntVector.fromMemorySegment(I, w, o + 3 * B, LE);
            u = v.and(low).or(h.lanewise(VectorOperators.LSHR, 2).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 24]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 26]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 25]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 27]), d);
            u = v.lanewise(VectorOperators.LSHR, 4)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHR, 3).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 28]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 30]), b);
            u = u.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 29]), c);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 31]), d);
            a.add(b).add(c.add(d)).intoMemorySegment(out, ((e & streams) * n + i) * B, LE);
        }
    }

    /** Writes the eight forms of each piece. */
    static void forms(MemorySegment w, long at, int pieces, MemorySegment forms, long formsAt) {
        for (int i = 0; i < pieces; i++) {
            long o = at + i * (5 * B);
            long to = formsAt + i * (8 * B);
            IntVector h = IntVector.fromMemorySegment(I, w, o + 4 * B, LE);
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            v.and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHL, 4).and(0x10101010))
                    .intoMemorySegment(forms, to, LE);
            v.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHL, 3).and(0x10101010))
                    .intoMemorySegment(forms, to + B, LE);
            v = IntVector.fromMemorySegment(I, w, o + B, LE);
            v.and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHL, 2).and(0x10101010))
                    .intoMemorySegment(forms, to + 2 * B, LE);
            v.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHL, 1).and(0x10101010))
                    .intoMemorySegment(forms, to + 3 * B, LE);
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            v.and(0x0f0f0f0f).or(h.and(0x10101010)).intoMemorySegment(forms, to + 4 * B, LE);
            v.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHR, 1).and(0x10101010))
                    .intoMemorySegment(forms, to + 5 * B, LE);
            v = IntVector.fromMemorySegment(I, w, o + 3 * B, LE);
            v.and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHR, 2).and(0x10101010))
                    .intoMemorySegment(forms, to + 6 * B, LE);
            v.lanewise(VectorOperators.LSHR, 4)
                    .and(0x0f0f0f0f)
                    .or(h.lanewise(VectorOperators.LSHR, 3).and(0x10101010))
                    .intoMemorySegment(forms, to + 7 * B, LE);
        }
    }
}
