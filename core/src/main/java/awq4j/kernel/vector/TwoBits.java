package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of 2 bits, 16 columns to a piece of one vector; see {@link BlockOrder}. */
final class TwoBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    private TwoBits() {}

    /**
     * Sums code * x over each piece of some blocks, for {@code 1 << log} vectors of rows and one token; as
     * {@link FourBits#floats}, whose reasons hold here, too.
     *
     * @param head bytes before the codes of a block
     * @param pieces of a block, a power of two
     * @param n pieces of each vector of rows
     * @param mask the lowest bits of a code
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
            int mask) {
        int shift = Integer.numberOfTrailingZeros(pieces);
        int streams = (1 << log) - 1;
        IntVector m0 = IntVector.broadcast(I, mask);
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 4);
        IntVector m2 = m0.lanewise(VectorOperators.LSHL, 8);
        IntVector m3 = m0.lanewise(VectorOperators.LSHL, 12);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * B + ((i >> shift) + 1L) * head;
            int p = k + i * 16;
            FloatVector a = FloatVector.zero(F);
            FloatVector b = FloatVector.zero(F);
            FloatVector c = FloatVector.zero(F);
            FloatVector d = FloatVector.zero(F);
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 2]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 4]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 6]), d);
            IntVector u = v.lanewise(VectorOperators.LSHR, 2);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 8]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 10]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 12]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 14]), d);
            u = v.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 1]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 3]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 5]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 7]), d);
            u = v.lanewise(VectorOperators.LSHR, 18);
            a = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 9]), a);
            b = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 11]), b);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 13]), c);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 15]), d);
            a.add(b).add(c.add(d)).intoMemorySegment(out, ((e & streams) * n + i) * B, LE);
        }
    }

    /**
     * As {@link #floats} in integers, as {@link FourBits#integers}.
     *
     * @param x 8-bit activations in pairs of neighbouring columns, from {@code k} on
     * @param mask the lowest code of both halves of a lane
     */
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
            int mask) {
        int shift = Integer.numberOfTrailingZeros(pieces);
        int streams = (1 << log) - 1;
        IntVector m = IntVector.broadcast(I, mask);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * B + ((i >> shift) + 1L) * head;
            int p = k + i * 8;
            IntVector v = IntVector.fromMemorySegment(I, w, o, LE);
            ShortVector a = v.and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p]).reinterpretAsShorts());
            ShortVector b = v.lanewise(VectorOperators.LSHR, 4)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 1]).reinterpretAsShorts());
            a = a.add(v.lanewise(VectorOperators.LSHR, 8)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 2]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 12)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 3]).reinterpretAsShorts()));
            a = a.add(v.lanewise(VectorOperators.LSHR, 2)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 4]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 6)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 5]).reinterpretAsShorts()));
            a = a.add(v.lanewise(VectorOperators.LSHR, 10)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 6]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 14)
                    .and(m)
                    .reinterpretAsShorts()
                    .mul(IntVector.broadcast(I, x[p + 7]).reinterpretAsShorts()));
            v = a.add(b).reinterpretAsInts();
            v.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(v.lanewise(VectorOperators.ASHR, 16))
                    .intoMemorySegment(out, ((e & streams) * n + i) * B, LE);
        }
    }

    /** Writes the two forms of each piece. */
    static void forms(MemorySegment w, long at, int pieces, MemorySegment forms, long formsAt) {
        for (int i = 0; i < pieces; i++) {
            IntVector v = IntVector.fromMemorySegment(I, w, at + i * B, LE);
            v.and(0x33333333).intoMemorySegment(forms, formsAt + 2L * i * B, LE);
            v.lanewise(VectorOperators.LSHR, 2)
                    .and(0x33333333)
                    .intoMemorySegment(forms, formsAt + (2L * i + 1) * B, LE);
        }
    }
}
