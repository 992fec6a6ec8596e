package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of up to 4 bits, eight to a lane; see {@link CodeOrder} for the order of the memory. */
final class FourBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    /** Bytes from a column of a tile to the next. */
    private static final long COLUMN = (long) Lanes.PAIR * Float.BYTES;

    /** Codes in a half of a lane. */
    private static final int LOADED = 4;

    private static final VectorSpecies<Short> S = Lanes.ALL_SHORTS;
    private static final int L = Lanes.COUNT;

    /** For each half what its lower neighbour is to be multiplied by: 16, or 0 for the lowest code of a half. */
    private static final short[] BELOW = below();

    private FourBits() {}

    private static short[] below() {
        short[] factors = new short[2 * L];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = (short) (i / 2 % LOADED == 0 ? 0 : 16);
        }
        return factors;
    }

    /**
     * Sums code * x over each block of some groups, for {@code 1 << log} vectors of rows and one token. The vectors'
     * blocks are taken in turn: as many streams of memory, each read ahead of by the machine on its own. Codes are
     * masked where they stand; the activations have been divided by what that leaves.
     *
     * @param at where the first group of the first vector begins
     * @param stride bytes from a vector to the next
     * @param head bytes before the codes of a group
     * @param blocks of a group, a power of two
     * @param n blocks of each vector of rows
     * @param x activations divided by {@link CodeOrder#factor}, from {@code k} on
     * @param out receives [vectors, groups, blocks, lanes]; outside the heap, where the compiler knows that a store
     *     leaves the activations alone and may load and broadcast them in one
     */
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
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 4);
        IntVector m2 = m0.lanewise(VectorOperators.LSHL, 8);
        IntVector m3 = m0.lanewise(VectorOperators.LSHL, 12);
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * (4 * B) + ((i >> shift) + 1L) * head;
            int p = k + i * 32;
            FloatVector a = FloatVector.zero(F);
            FloatVector b = FloatVector.zero(F);
            FloatVector c = FloatVector.zero(F);
            FloatVector d = FloatVector.zero(F);
            IntVector v;
            v = IntVector.fromMemorySegment(I, w, o, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 2]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 4]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 6]), d);
            v = v.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 1]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 3]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 5]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 7]), d);
            v = IntVector.fromMemorySegment(I, w, o + B, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 8]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 10]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 12]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 14]), d);
            v = v.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 9]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 11]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 13]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 15]), d);
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 16]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 18]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 20]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 22]), d);
            v = v.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 17]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 19]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 21]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 23]), d);
            v = IntVector.fromMemorySegment(I, w, o + 3 * B, LE);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 24]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 26]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 28]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 30]), d);
            v = v.lanewise(VectorOperators.LSHR, 16);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 25]), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 27]), b);
            c = ((FloatVector) v.and(m2).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 29]), c);
            d = ((FloatVector) v.and(m3).convert(I2F, 0)).fma(FloatVector.broadcast(F, x[p + 31]), d);
            a.add(b).add(c.add(d)).intoMemorySegment(out, ((e & streams) * n + i) * B, LE);
        }
    }

    /**
     * As {@link #floats} in integers: a lane's halves multiply two columns at once. Codes are neither masked nor taken
     * apart: a half shifted down by a code's place still has the codes above it, and what they add is taken off again by
     * the activations, which {@link #chain} has made ready. All of it modulo 2<sup>16</sup>, which is exact, since a
     * product is at most 15 * 127 and the 16 of a block fit 16 bits.
     *
     * @param x chained pairs of 8-bit activations, the even column in the lower half, from {@code k} on
     */
    static void integers(
            MemorySegment w,
            long at,
            long stride,
            int log,
            int head,
            int blocks,
            int n,
            int[] x,
            int k,
            MemorySegment out) {
        int shift = Integer.numberOfTrailingZeros(blocks);
        int streams = (1 << log) - 1;
        for (int e = 0, end = n << log; e < end; e++) {
            int i = e >> log;
            long o = at + (e & streams) * stride + i * (4 * B) + ((i >> shift) + 1L) * head;
            int p = k + i * 16;
            ShortVector a = ShortVector.zero(S);
            ShortVector b = ShortVector.zero(S);
            ShortVector v;
            v = IntVector.fromMemorySegment(I, w, o, LE).reinterpretAsShorts();
            a = a.add(v.mul(IntVector.broadcast(I, x[p]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 4)
                    .mul(IntVector.broadcast(I, x[p + 1]).reinterpretAsShorts()));
            a = a.add(v.lanewise(VectorOperators.LSHR, 8)
                    .mul(IntVector.broadcast(I, x[p + 2]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 12)
                    .mul(IntVector.broadcast(I, x[p + 3]).reinterpretAsShorts()));
            v = IntVector.fromMemorySegment(I, w, o + B, LE).reinterpretAsShorts();
            a = a.add(v.mul(IntVector.broadcast(I, x[p + 4]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 4)
                    .mul(IntVector.broadcast(I, x[p + 5]).reinterpretAsShorts()));
            a = a.add(v.lanewise(VectorOperators.LSHR, 8)
                    .mul(IntVector.broadcast(I, x[p + 6]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 12)
                    .mul(IntVector.broadcast(I, x[p + 7]).reinterpretAsShorts()));
            v = IntVector.fromMemorySegment(I, w, o + 2 * B, LE).reinterpretAsShorts();
            a = a.add(v.mul(IntVector.broadcast(I, x[p + 8]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 4)
                    .mul(IntVector.broadcast(I, x[p + 9]).reinterpretAsShorts()));
            a = a.add(v.lanewise(VectorOperators.LSHR, 8)
                    .mul(IntVector.broadcast(I, x[p + 10]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 12)
                    .mul(IntVector.broadcast(I, x[p + 11]).reinterpretAsShorts()));
            v = IntVector.fromMemorySegment(I, w, o + 3 * B, LE).reinterpretAsShorts();
            a = a.add(v.mul(IntVector.broadcast(I, x[p + 12]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 4)
                    .mul(IntVector.broadcast(I, x[p + 13]).reinterpretAsShorts()));
            a = a.add(v.lanewise(VectorOperators.LSHR, 8)
                    .mul(IntVector.broadcast(I, x[p + 14]).reinterpretAsShorts()));
            b = b.add(v.lanewise(VectorOperators.LSHR, 12)
                    .mul(IntVector.broadcast(I, x[p + 15]).reinterpretAsShorts()));
            IntVector sums = a.add(b).reinterpretAsInts();
            sums.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(sums.lanewise(VectorOperators.ASHR, 16))
                    .intoMemorySegment(out, ((e & streams) * n + i) * B, LE);
        }
    }

    /**
     * Takes from each activation 16 times the one whose code stands below its own in a half, modulo 2<sup>16</sup>: with
     * codes c0 to c3 of a half, {@code sum(c[i] * x[i]) = sum((half >>> 4 i) * (x[i] - 16 x[i - 1]))}.
     *
     * @param pairs of activations as {@link RoundedActivations#pairs} gives them, {@code n} from 0 on, a multiple of 16
     */
    static void chain(int[] pairs, int n) {
        ShortVector below = ShortVector.fromArray(S, BELOW, 0);
        int i = n - L; // downwards: what stands below is still as it was
        for (; i > 0; i -= L) {
            ShortVector under = IntVector.fromArray(I, pairs, i - 1).reinterpretAsShorts();
            ShortVector own = IntVector.fromArray(I, pairs, i).reinterpretAsShorts();
            own.sub(under.mul(below)).reinterpretAsInts().intoArray(pairs, i);
        }
        for (int k = L - 1; k > 0; k--) {
            if (k % LOADED != 0) {
                int even = pairs[k] - 16 * pairs[k - 1];
                int odd = (pairs[k] >> 16) - 16 * (pairs[k - 1] >> 16);
                pairs[k] = (odd << 16) | (even & 0xffff);
            }
        }
    }

    /**
     * Decodes a group as scale * (code - zero) + bias, columns in the matrix's order, {@link Lanes#PAIR} floats apart.
     *
     * @param at where the group begins
     * @param codes memory that has its codes as {@link CodeOrder#forms} vectors, from byte {@code from} on, {@code step}
     *     bytes from one to the next
     * @param tile float matrix, aligned to vectors, from byte {@code tileAt} on
     */
    static void decode(
            MemorySegment w,
            long at,
            CodeOrder order,
            MemorySegment codes,
            long from,
            long step,
            MemorySegment tile,
            long tileAt) {
        FloatVector scale = GroupScales.scale(w, at, order);
        FloatVector zero = GroupScales.zero(w, at, order);
        FloatVector bias = GroupScales.bias(w, at, order);
        int loads = order.forms();
        decodeHalf(codes, from, step, loads, 0, scale, zero, bias, tile, tileAt);
        decodeHalf(codes, from, step, loads, 16, scale, zero, bias, tile, tileAt + COLUMN);
    }

    /**
     * Decodes a group whose scales and biases stand in memory, {@code scale * (code - zero) + bias}.
     *
     * @param at where its codes begin, {@code loads} vectors of them
     * @param scaleAt byte of the tile's memory where the vector of scales begins, followed by that of biases
     */
    static void decode(MemorySegment w, long at, int loads, int zero, MemorySegment tile, long scaleAt, long tileAt) {
        FloatVector scale = FloatVector.fromMemorySegment(F, tile, scaleAt, LE);
        FloatVector bias = FloatVector.fromMemorySegment(F, tile, scaleAt + B, LE);
        FloatVector zeros = FloatVector.broadcast(F, zero);
        decodeHalf(w, at, B, loads, 0, scale, zeros, bias, tile, tileAt);
        decodeHalf(w, at, B, loads, 16, scale, zeros, bias, tile, tileAt + COLUMN);
    }

    /** Every second column; all eight in one loop are more than the compiler agrees to inline. */
    private static void decodeHalf(
            MemorySegment w,
            long codes,
            long step,
            int loads,
            int shift,
            FloatVector scale,
            FloatVector zero,
            FloatVector bias,
            MemorySegment tile,
            long tileAt) {
        for (int j = 0; j < loads; j++) {
            IntVector v =
                    IntVector.fromMemorySegment(I, w, codes + j * step, LE).lanewise(VectorOperators.LSHR, shift);
            long o = tileAt + j * (8 * COLUMN);
            ((FloatVector) v.and(0xf).convert(I2F, 0))
                    .sub(zero)
                    .fma(scale, bias)
                    .intoMemorySegment(tile, o, LE);
            ((FloatVector) v.lanewise(VectorOperators.LSHR, 4).and(0xf).convert(I2F, 0))
                    .sub(zero)
                    .fma(scale, bias)
                    .intoMemorySegment(tile, o + 2 * COLUMN, LE);
            ((FloatVector) v.lanewise(VectorOperators.LSHR, 8).and(0xf).convert(I2F, 0))
                    .sub(zero)
                    .fma(scale, bias)
                    .intoMemorySegment(tile, o + 4 * COLUMN, LE);
            ((FloatVector) v.lanewise(VectorOperators.LSHR, 12).and(0xf).convert(I2F, 0))
                    .sub(zero)
                    .fma(scale, bias)
                    .intoMemorySegment(tile, o + 6 * COLUMN, LE);
        }
    }
}
