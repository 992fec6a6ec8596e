package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of 3 bits, 32 columns to a piece of three vectors; see {@link BlockOrder}. */
final class ThreeBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    private ThreeBits() {}

    /**
     * As {@link TwoBits#floats}; a piece has two sums, one for each 16 columns.
     *
     * @param one 1: masks are made of it because a constant would be loaded again each time
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
        IntVector low = IntVector.broadcast(I, one * 0x33333333);
        IntVector high = IntVector.broadcast(I, one * 0x44444444);
        IntVector m0 = IntVector.broadcast(I, one * 7);
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 4);
        IntVector m2 = m0.lanewise(VectorOperators.LSHL, 8);
        IntVector m3 = m0.lanewise(VectorOperators.LSHL, 12);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * (3 * B) + ((i >> shift) + 1L) * head;
            int p = k + i * 32;
            FloatVector a = FloatVector.zero(F);
            FloatVector b = FloatVector.zero(F);
            FloatVector c = FloatVector.zero(F);
            FloatVector d = FloatVector.zero(F);
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            IntVector h = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            IntVector u = v.and(low).or(h.lanewise(VectorOperators.LSHL, 2).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 2]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 4]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 6]), d);
            u = u.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 1]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 3]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 5]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 7]), d);
            u = v.lanewise(VectorOperators.LSHR, 2)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHL, 1).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 8]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 10]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 12]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 14]), d);
            u = u.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 9]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 11]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 13]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 15]), d);
            long to = ((e & streams) * n + i) * (2 * B);
            a.add(b).add(c.add(d)).intoMemorySegment(out, to, LE);
            a = FloatVector.zero(F);
            b = FloatVector.zero(F);
            c = FloatVector.zero(F);
            d = FloatVector.zero(F);
            v = IntVector.fromMemorySegment(I, w, o + B, LE);
            u = v.and(low).or(h.and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 16]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 18]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 20]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 22]), d);
            u = u.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 17]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 19]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 21]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 23]), d);
            u = v.lanewise(VectorOperators.LSHR, 2)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHR, 1).and(high));
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 24]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 26]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 28]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 30]), d);
            u = u.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 25]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 27]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 29]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 31]), d);
            a.add(b).add(c.add(d)).intoMemorySegment(out, to + B, LE);
        }
    }

    /** As {@link TwoBits#integers}; a piece has two sums. */
    static void integers(
            MemorySegment w,
            long at,
            long stride,
            int log,
            int head,
            int pieces,
            int n,
            int[] x,
            int k,
            MemorySegment out,
            int one) {
        int shift = Integer.numberOfTrailingZeros(pieces);
        int streams = (1 << log) - 1;
        IntVector low = IntVector.broadcast(I, one * 0x33333333);
        IntVector high = IntVector.broadcast(I, one * 0x44444444);
        IntVector m = IntVector.broadcast(I, one * 0x70007);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * (3 * B) + ((i >> shift) + 1L) * head;
            int p = k + i * 16;
            long to = ((e & streams) * n + i) * (2 * B);
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            IntVector h = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            IntVector u = v.and(low).or(h.lanewise(VectorOperators.LSHL, 2).and(high));
            ShortVector a = u.and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p]).reinterpretAsShorts());
            ShortVector b = u.lanewise(VectorOperators.LSHR, 4)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 1]).reinterpretAsShorts());
            a = a.add(u.lanewise(VectorOperators.LSHR, 8)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 2]).reinterpretAsShorts()));
            b = b.add(u.lanewise(VectorOperators.LSHR, 12)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 3]).reinterpretAsShorts()));
            u = v.lanewise(VectorOperators.LSHR, 2)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHL, 1).and(high));
            a = a.add(u.and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 4]).reinterpretAsShorts()));
            b = b.add(u.lanewise(VectorOperators.LSHR, 4)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 5]).reinterpretAsShorts()));
            a = a.add(u.lanewise(VectorOperators.LSHR, 8)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 6]).reinterpretAsShorts()));
            b = b.add(u.lanewise(VectorOperators.LSHR, 12)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 7]).reinterpretAsShorts()));
            u = a.add(b).reinterpretAsInts();
            u.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(u.lanewise(VectorOperators.ASHR, 16))
                    .intoMemorySegment(out, to, LE);
            v = IntVector.fromMemorySegment(I, w, o + B, LE);
            u = v.and(low).or(h.and(high));
            a = u.and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 8]).reinterpretAsShorts());
            b = u.lanewise(VectorOperators.LSHR, 4)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 9]).reinterpretAsShorts());
            a = a.add(u.lanewise(VectorOperators.LSHR, 8)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 10]).reinterpretAsShorts()));
            b = b.add(u.lanewise(VectorOperators.LSHR, 12)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 11]).reinterpretAsShorts()));
            u = v.lanewise(VectorOperators.LSHR, 2)
                    .and(low)
                    .or(h.lanewise(VectorOperators.LSHR, 1).and(high));
            a = a.add(u.and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 12]).reinterpretAsShorts()));
            b = b.add(u.lanewise(VectorOperators.LSHR, 4)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 13]).reinterpretAsShorts()));
            a = a.add(u.lanewise(VectorOperators.LSHR, 8)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 14]).reinterpretAsShorts()));
            b = b.add(u.lanewise(VectorOperators.LSHR, 12)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 15]).reinterpretAsShorts()));
            u = a.add(b).reinterpretAsInts();
            u.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(u.lanewise(VectorOperators.ASHR, 16))
                    .intoMemorySegment(out, to + B, LE);
        }
    }

    /** Writes the four forms of each piece. */
    static void forms(MemorySegment w, long at, int pieces, MemorySegment forms, long formsAt) {
        for (int i = 0; i < pieces; i++) {
            long o = at + i * (3 * B);
            long to = formsAt + i * (4 * B);
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            IntVector u = IntVector.fromMemorySegment(I, w, o + B, LE);
            IntVector h = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            v.and(0x33333333)
                    .or(h.lanewise(VectorOperators.LSHL, 2).and(0x44444444))
                    .intoMemorySegment(forms, to, LE);
            v.lanewise(VectorOperators.LSHR, 2)
                    .and(0x33333333)
                    .or(h.lanewise(VectorOperators.LSHL, 1).and(0x44444444))
                    .intoMemorySegment(forms, to + B, LE);
            u.and(0x33333333).or(h.and(0x44444444)).intoMemorySegment(forms, to + 2 * B, LE);
            u.lanewise(VectorOperators.LSHR, 2)
                    .and(0x33333333)
                    .or(h.lanewise(VectorOperators.LSHR, 1).and(0x44444444))
                    .intoMemorySegment(forms, to + 3 * B, LE);
        }
    }
}
