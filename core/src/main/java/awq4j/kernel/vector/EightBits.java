package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of 5 to 8 bits, a byte each, four to a lane; otherwise as {@link FourBits}. */
final class EightBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    private EightBits() {}

    /**
     * Sums code * x over one group, for one vector of rows and one token.
     *
     * @param at where the vector's scales stand
     * @param loads vectors of codes
     * @param x activations by place, a vector each, from {@code k} on
     * @param out receives a vector of sums
     * @param mask the lowest code of a lane; a variable, because the compiler would load a constant again each time
     */
    static void multiply(MemorySegment w, long at, int loads, float[] x, int k, float[] out, int mask) {
        IntVector m0 = IntVector.broadcast(I, mask);
        IntVector m1 = m0.lanewise(VectorOperators.LSHL, 8);
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        FloatVector c = FloatVector.zero(F);
        FloatVector d = FloatVector.zero(F);
        long codes = at + 2 * B;
        for (int j = 0; j < loads; j++) {
            IntVector v = IntVector.fromMemorySegment(I, w, codes + j * B, LE);
            int o = k + j * (4 * L);
            a = ((FloatVector) v.and(m0).convert(I2F, 0)).fma(FloatVector.fromArray(F, x, o), a);
            b = ((FloatVector) v.and(m1).convert(I2F, 0)).fma(FloatVector.fromArray(F, x, o + L), b);
            IntVector h = v.lanewise(VectorOperators.LSHR, 16);
            c = ((FloatVector) h.and(m0).convert(I2F, 0)).fma(FloatVector.fromArray(F, x, o + 2 * L), c);
            d = ((FloatVector) h.and(m1).convert(I2F, 0)).fma(FloatVector.fromArray(F, x, o + 3 * L), d);
        }
        a.add(b).add(c.add(d)).intoArray(out, 0);
    }

    /**
     * Decodes vectors of codes {@code from} to before {@code to} of one group, as scale * (code - zero), columns in the
     * matrix's order, {@link Lanes#PAIR} floats apart.
     */
    static void decode(MemorySegment w, long at, int from, int to, float[] tile, int tileAt) {
        FloatVector scale = FloatVector.fromMemorySegment(F, w, at, LE);
        FloatVector zero = FloatVector.fromMemorySegment(F, w, at + B, LE);
        decodeHalf(w, at + 2 * B, from, to, 0, scale, zero, tile, tileAt);
        decodeHalf(w, at + 2 * B, from, to, 16, scale, zero, tile, tileAt + PAIR);
    }

    /** Every second column; all eight in one loop are more than the compiler agrees to inline. */
    private static void decodeHalf(
            MemorySegment w,
            long codes,
            int from,
            int to,
            int shift,
            FloatVector scale,
            FloatVector zero,
            float[] tile,
            int tileAt) {
        int o = tileAt;
        for (int j = from; j < to; j++) {
            IntVector v = IntVector.fromMemorySegment(I, w, codes + j * B, LE).lanewise(VectorOperators.LSHR, shift);
            ((FloatVector) v.and(0xff).convert(I2F, 0)).sub(zero).mul(scale).intoArray(tile, o);
            ((FloatVector) v.lanewise(VectorOperators.LSHR, 8).and(0xff).convert(I2F, 0))
                    .sub(zero)
                    .mul(scale)
                    .intoArray(tile, o + 2 * PAIR);
            o += 4 * PAIR;
        }
    }
}
