package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * One token times codes of 4 bits of two vectors of rows that lie side by side ({@link CodeOrder#abreast}): an activation that
 * has been spread over a vector meets both. Scales are applied where a group ends, in the same loop, so that memory is read
 * without a break. What they do is {@link GroupScales}' definition, written out for each vector for the reason given there.
 *
 * <p>Groups of several such pairs can be taken in turn, as many streams of memory.
 */
final class FourBitPairs {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final VectorSpecies<Short> S = Lanes.ALL_SHORTS;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final int L = Lanes.COUNT;

    /** Bytes of a block of both. */
    private static final long BLOCK = 8 * B;

    private FourBitPairs() {}

    /**
     * Adds the products of rounded activations, as {@link FourBits#integers} makes them.
     *
     * @param at where the first pair begins
     * @param stride bytes from a pair to the next
     * @param log of the pairs, base 2
     * @param x chained pairs of 8-bit activations of the whole row
     * @param rounded the scale of each group's activations, then the negated sum of their codes
     * @param out receives [pairs, 2, lanes] from {@code to} on
     */
    static void integers(
            MemorySegment w,
            long at,
            long stride,
            int log,
            CodeOrder order,
            int[] x,
            float[] rounded,
            float[] out,
            int to) {
        int groups = order.groups();
        int blocks = order.blocks();
        int shiftBlocks = Integer.numberOfTrailingZeros(blocks);
        int pairs = (1 << log) - 1;
        long head2 = 2L * order.headBytes();
        long group2 = 2L * order.groupBytes();
        long second2 = order.headBytes();
        boolean halves = order.halves();
        boolean biased = order.biased();
        IntVector first = IntVector.zero(I);
        IntVector other = IntVector.zero(I);
        for (int e = 0, end = (groups << shiftBlocks) << log; e < end; e++) {
            int block = e & (blocks - 1);
            int pair = (e >> shiftBlocks) & pairs;
            int g = e >> (shiftBlocks + log);
            long group = at + pair * stride + g * group2;
            long o = group + head2 + block * BLOCK;
            int p = ((g << shiftBlocks) + block) * 16;
            ShortVector a = ShortVector.zero(S);
            ShortVector b = ShortVector.zero(S);
            ShortVector c = ShortVector.zero(S);
            ShortVector d = ShortVector.zero(S);
            ShortVector v;
            ShortVector u;
            ShortVector y;
            v = IntVector.fromMemorySegment(I, w, o, LE).reinterpretAsShorts();
            u = IntVector.fromMemorySegment(I, w, o + B, LE).reinterpretAsShorts();
            y = IntVector.broadcast(I, x[p]).reinterpretAsShorts();
            a = a.add(v.mul(y));
            c = c.add(u.mul(y));
            y = IntVector.broadcast(I, x[p + 1]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 4).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 4).mul(y));
            y = IntVector.broadcast(I, x[p + 2]).reinterpretAsShorts();
            a = a.add(v.lanewise(VectorOperators.LSHR, 8).mul(y));
            c = c.add(u.lanewise(VectorOperators.LSHR, 8).mul(y));
            y = IntVector.broadcast(I, x[p + 3]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 12).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 12).mul(y));
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE).reinterpretAsShorts();
            u = IntVector.fromMemorySegment(I, w, o + 3 * B, LE).reinterpretAsShorts();
            y = IntVector.broadcast(I, x[p + 4]).reinterpretAsShorts();
            a = a.add(v.mul(y));
            c = c.add(u.mul(y));
            y = IntVector.broadcast(I, x[p + 5]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 4).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 4).mul(y));
            y = IntVector.broadcast(I, x[p + 6]).reinterpretAsShorts();
            a = a.add(v.lanewise(VectorOperators.LSHR, 8).mul(y));
            c = c.add(u.lanewise(VectorOperators.LSHR, 8).mul(y));
            y = IntVector.broadcast(I, x[p + 7]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 12).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 12).mul(y));
            v = IntVector.fromMemorySegment(I, w, o + 4 * B, LE).reinterpretAsShorts();
            u = IntVector.fromMemorySegment(I, w, o + 5 * B, LE).reinterpretAsShorts();
            y = IntVector.broadcast(I, x[p + 8]).reinterpretAsShorts();
            a = a.add(v.mul(y));
            c = c.add(u.mul(y));
            y = IntVector.broadcast(I, x[p + 9]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 4).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 4).mul(y));
            y = IntVector.broadcast(I, x[p + 10]).reinterpretAsShorts();
            a = a.add(v.lanewise(VectorOperators.LSHR, 8).mul(y));
            c = c.add(u.lanewise(VectorOperators.LSHR, 8).mul(y));
            y = IntVector.broadcast(I, x[p + 11]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 12).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 12).mul(y));
            v = IntVector.fromMemorySegment(I, w, o + 6 * B, LE).reinterpretAsShorts();
            u = IntVector.fromMemorySegment(I, w, o + 7 * B, LE).reinterpretAsShorts();
            y = IntVector.broadcast(I, x[p + 12]).reinterpretAsShorts();
            a = a.add(v.mul(y));
            c = c.add(u.mul(y));
            y = IntVector.broadcast(I, x[p + 13]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 4).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 4).mul(y));
            y = IntVector.broadcast(I, x[p + 14]).reinterpretAsShorts();
            a = a.add(v.lanewise(VectorOperators.LSHR, 8).mul(y));
            c = c.add(u.lanewise(VectorOperators.LSHR, 8).mul(y));
            y = IntVector.broadcast(I, x[p + 15]).reinterpretAsShorts();
            b = b.add(v.lanewise(VectorOperators.LSHR, 12).mul(y));
            d = d.add(u.lanewise(VectorOperators.LSHR, 12).mul(y));
            IntVector halvesOfSums = a.add(b).reinterpretAsInts();
            first = first.add(halvesOfSums
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(halvesOfSums.lanewise(VectorOperators.ASHR, 16)));
            halvesOfSums = c.add(d).reinterpretAsInts();
            other = other.add(halvesOfSums
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(halvesOfSums.lanewise(VectorOperators.ASHR, 16)));
            if (block == blocks - 1) {
                float step = rounded[g];
                float shift = rounded[groups + g];
                int q = to + pair * 2 * L;
                FloatVector sum;
                FloatVector total;
                FloatVector second;
                FloatVector scale;
                IntVector head;
                sum = (FloatVector) first.convert(I2F, 0);
                head = IntVector.fromMemorySegment(I, w, group, LE);
                total = FloatVector.fromArray(F, out, q);
                if (biased) {
                    second = halves
                            ? head.lanewise(VectorOperators.ASHR, 3)
                                    .and(HalfFloats.BITS)
                                    .reinterpretAsFloats()
                                    .mul(HalfFloats.BIAS)
                            : FloatVector.fromMemorySegment(F, w, group + B, LE);
                    total = second.fma(FloatVector.broadcast(F, step * -shift), total);
                } else {
                    second = halves
                            ? (FloatVector)
                                    head.lanewise(VectorOperators.LSHR, 16).convert(I2F, 0)
                            : FloatVector.fromMemorySegment(F, w, group + B, LE);
                    sum = second.fma(FloatVector.broadcast(F, shift), sum);
                }
                scale = halves
                        ? head.lanewise(VectorOperators.LSHL, 16)
                                .lanewise(VectorOperators.ASHR, 3)
                                .and(HalfFloats.BITS)
                                .reinterpretAsFloats()
                                .mul(HalfFloats.BIAS)
                        : head.reinterpretAsFloats();
                sum.mul(step).fma(scale, total).intoArray(out, q);
                sum = (FloatVector) other.convert(I2F, 0);
                head = IntVector.fromMemorySegment(I, w, group + second2, LE);
                total = FloatVector.fromArray(F, out, q + L);
                if (biased) {
                    second = halves
                            ? head.lanewise(VectorOperators.ASHR, 3)
                                    .and(HalfFloats.BITS)
                                    .reinterpretAsFloats()
                                    .mul(HalfFloats.BIAS)
                            : FloatVector.fromMemorySegment(F, w, group + second2 + B, LE);
                    total = second.fma(FloatVector.broadcast(F, step * -shift), total);
                } else {
                    second = halves
                            ? (FloatVector)
                                    head.lanewise(VectorOperators.LSHR, 16).convert(I2F, 0)
                            : FloatVector.fromMemorySegment(F, w, group + second2 + B, LE);
                    sum = second.fma(FloatVector.broadcast(F, shift), sum);
                }
                scale = halves
                        ? head.lanewise(VectorOperators.LSHL, 16)
                                .lanewise(VectorOperators.ASHR, 3)
                                .and(HalfFloats.BITS)
                                .reinterpretAsFloats()
                                .mul(HalfFloats.BIAS)
                        : head.reinterpretAsFloats();
                sum.mul(step).fma(scale, total).intoArray(out, q + L);
                first = IntVector.zero(I);
                other = IntVector.zero(I);
            }
        }
    }

    /**
     * Adds the products of exact activations.
     *
     * @param x activations divided by {@link CodeOrder#factor}, padding included, then the sum of each group's
     */
    static void floats(
            MemorySegment w, long at, long stride, int log, CodeOrder order, float[] x, float[] out, int to, int mask) {
        int groups = order.groups();
        int parts = 2 * order.blocks(); // whole blocks would be more than HotSpot's first compiler takes
        int totals = order.paddedColumns();
        int logParts = Integer.numberOfTrailingZeros(parts);
        int pairs = (1 << log) - 1;
        long head2 = 2L * order.headBytes();
        long group2 = 2L * order.groupBytes();
        long second2 = order.headBytes();
        boolean halves = order.halves();
        boolean biased = order.biased();
        IntVector m0 = IntVector.broadcast(I, mask); // a variable: a constant would be loaded again each time
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 4);
        IntVector m2 = m0.lanewise(VectorOperators.LSHL, 8);
        IntVector m3 = m0.lanewise(VectorOperators.LSHL, 12);
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        FloatVector c = FloatVector.zero(F);
        FloatVector d = FloatVector.zero(F);
        for (int e = 0, end = (groups << logParts) << log; e < end; e++) {
            int part = e & (parts - 1);
            int pair = (e >> logParts) & pairs;
            int g = e >> (logParts + log);
            long group = at + pair * stride + g * group2;
            long o = group + head2 + part * (BLOCK / 2);
            int p = ((g << logParts) + part) * 16;
            IntVector v;
            IntVector u;
            FloatVector y;
            v = IntVector.fromMemorySegment(I, w, o, LE);
            u = IntVector.fromMemorySegment(I, w, o + B, LE);
            y = FloatVector.broadcast(F, x[p]);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 2]);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(y, d);
            y = FloatVector.broadcast(F, x[p + 4]);
            a = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 6]);
            b = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(y, d);
            v = v.lanewise(VectorOperators.LSHR, 16);
            u = u.lanewise(VectorOperators.LSHR, 16);
            y = FloatVector.broadcast(F, x[p + 1]);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 3]);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(y, d);
            y = FloatVector.broadcast(F, x[p + 5]);
            a = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 7]);
            b = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(y, d);
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            u = IntVector.fromMemorySegment(I, w, o + 3 * B, LE);
            y = FloatVector.broadcast(F, x[p + 8]);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 10]);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(y, d);
            y = FloatVector.broadcast(F, x[p + 12]);
            a = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 14]);
            b = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(y, d);
            v = v.lanewise(VectorOperators.LSHR, 16);
            u = u.lanewise(VectorOperators.LSHR, 16);
            y = FloatVector.broadcast(F, x[p + 9]);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m0).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 11]);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m1).convert(I2F, 0)).fma(y, d);
            y = FloatVector.broadcast(F, x[p + 13]);
            a = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(y, a);
            c = ((FloatVector) u.and(m2).convert(I2F, 0)).fma(y, c);
            y = FloatVector.broadcast(F, x[p + 15]);
            b = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(y, b);
            d = ((FloatVector) u.and(m3).convert(I2F, 0)).fma(y, d);
            if (part == parts - 1) {
                float shift = x[totals + g];
                int q = to + pair * 2 * L;
                FloatVector sum;
                FloatVector total;
                FloatVector second;
                FloatVector scale;
                IntVector head;
                sum = a.add(b);
                head = IntVector.fromMemorySegment(I, w, group, LE);
                total = FloatVector.fromArray(F, out, q);
                if (biased) {
                    second = halves
                            ? head.lanewise(VectorOperators.ASHR, 3)
                                    .and(HalfFloats.BITS)
                                    .reinterpretAsFloats()
                                    .mul(HalfFloats.BIAS)
                            : FloatVector.fromMemorySegment(F, w, group + B, LE);
                    total = second.fma(FloatVector.broadcast(F, shift), total);
                } else {
                    second = halves
                            ? (FloatVector)
                                    head.lanewise(VectorOperators.LSHR, 16).convert(I2F, 0)
                            : FloatVector.fromMemorySegment(F, w, group + B, LE);
                    sum = second.fma(FloatVector.broadcast(F, -shift), sum);
                }
                scale = halves
                        ? head.lanewise(VectorOperators.LSHL, 16)
                                .lanewise(VectorOperators.ASHR, 3)
                                .and(HalfFloats.BITS)
                                .reinterpretAsFloats()
                                .mul(HalfFloats.BIAS)
                        : head.reinterpretAsFloats();
                sum.fma(scale, total).intoArray(out, q);
                sum = c.add(d);
                head = IntVector.fromMemorySegment(I, w, group + second2, LE);
                total = FloatVector.fromArray(F, out, q + L);
                if (biased) {
                    second = halves
                            ? head.lanewise(VectorOperators.ASHR, 3)
                                    .and(HalfFloats.BITS)
                                    .reinterpretAsFloats()
                                    .mul(HalfFloats.BIAS)
                            : FloatVector.fromMemorySegment(F, w, group + second2 + B, LE);
                    total = second.fma(FloatVector.broadcast(F, shift), total);
                } else {
                    second = halves
                            ? (FloatVector)
                                    head.lanewise(VectorOperators.LSHR, 16).convert(I2F, 0)
                            : FloatVector.fromMemorySegment(F, w, group + second2 + B, LE);
                    sum = second.fma(FloatVector.broadcast(F, -shift), sum);
                }
                scale = halves
                        ? head.lanewise(VectorOperators.LSHL, 16)
                                .lanewise(VectorOperators.ASHR, 3)
                                .and(HalfFloats.BITS)
                                .reinterpretAsFloats()
                                .mul(HalfFloats.BIAS)
                        : head.reinterpretAsFloats();
                sum.fma(scale, total).intoArray(out, q + L);
                a = FloatVector.zero(F);
                b = FloatVector.zero(F);
                c = FloatVector.zero(F);
                d = FloatVector.zero(F);
            }
        }
    }
}
