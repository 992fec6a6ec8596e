package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops over codes of 4 bits, eight to a lane; see {@link PackedWeight} for the order of the memory. */
final class FourBits {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    private FourBits() {}

    /**
     * One band of rows times one token. Codes are masked where they stand, which leaves code * 16^place; the activations
     * have been divided by that.
     *
     * @param x activations by place, then the sums of groups
     * @param out receives {@link Lanes#PAIR} sums
     */
    static void multiply(MemorySegment w, long at, int groups, int loads, int lastLoads, float[] x, float[] out) {
        FloatVector sum0 = FloatVector.zero(F);
        FloatVector sum1 = FloatVector.zero(F);
        int sums = ((groups - 1) * loads + lastLoads) * 8;
        int k = 0;
        long record = at;
        for (int g = 0; g < groups; g++) {
            int n = g == groups - 1 ? lastLoads : loads;
            long codes = record + 4 * B;
            FloatVector a0 = FloatVector.zero(F);
            FloatVector a1 = FloatVector.zero(F);
            FloatVector b0 = FloatVector.zero(F);
            FloatVector b1 = FloatVector.zero(F);
            for (int j = 0; j < n; j++) {
                IntVector v0 = IntVector.fromMemorySegment(I, w, codes + j * (2 * B), LE);
                IntVector v1 = IntVector.fromMemorySegment(I, w, codes + j * (2 * B) + B, LE);
                FloatVector y = FloatVector.broadcast(F, x[k + j * 8]);
                a0 = ((FloatVector) v0.and(0xf).convert(I2F, 0)).fma(y, a0);
                a1 = ((FloatVector) v1.and(0xf).convert(I2F, 0)).fma(y, a1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 1]);
                b0 = ((FloatVector) v0.and(0xf0).convert(I2F, 0)).fma(y, b0);
                b1 = ((FloatVector) v1.and(0xf0).convert(I2F, 0)).fma(y, b1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 2]);
                a0 = ((FloatVector) v0.and(0xf00).convert(I2F, 0)).fma(y, a0);
                a1 = ((FloatVector) v1.and(0xf00).convert(I2F, 0)).fma(y, a1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 3]);
                b0 = ((FloatVector) v0.and(0xf000).convert(I2F, 0)).fma(y, b0);
                b1 = ((FloatVector) v1.and(0xf000).convert(I2F, 0)).fma(y, b1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 4]);
                a0 = ((FloatVector) v0.and(0xf0000).convert(I2F, 0)).fma(y, a0);
                a1 = ((FloatVector) v1.and(0xf0000).convert(I2F, 0)).fma(y, a1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 5]);
                b0 = ((FloatVector) v0.and(0xf00000).convert(I2F, 0)).fma(y, b0);
                b1 = ((FloatVector) v1.and(0xf00000).convert(I2F, 0)).fma(y, b1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 6]);
                a0 = ((FloatVector) v0.and(0xf000000).convert(I2F, 0)).fma(y, a0);
                a1 = ((FloatVector) v1.and(0xf000000).convert(I2F, 0)).fma(y, a1);
                y = FloatVector.broadcast(F, x[k + j * 8 + 7]);
                b0 = ((FloatVector) v0.lanewise(VectorOperators.LSHR, 28).convert(I2F, 0)).fma(y, b0);
                b1 = ((FloatVector) v1.lanewise(VectorOperators.LSHR, 28).convert(I2F, 0)).fma(y, b1);
            }
            // scale * (sum of code * x - zero * sum of x)
            FloatVector total = FloatVector.broadcast(F, -x[sums + g]);
            FloatVector s0 = FloatVector.fromMemorySegment(F, w, record, LE);
            FloatVector s1 = FloatVector.fromMemorySegment(F, w, record + B, LE);
            FloatVector z0 = FloatVector.fromMemorySegment(F, w, record + 2 * B, LE);
            FloatVector z1 = FloatVector.fromMemorySegment(F, w, record + 3 * B, LE);
            sum0 = z0.fma(total, a0.add(b0)).fma(s0, sum0);
            sum1 = z1.fma(total, a1.add(b1)).fma(s1, sum1);
            k += n * 8;
            record = codes + n * (2 * B);
        }
        sum0.intoArray(out, 0);
        sum1.intoArray(out, L);
    }

    /**
     * Decodes ints {@code from} to before {@code to} of one group to floats, {@link Lanes#PAIR} a column, columns in
     * the matrix's order.
     */
    static void decode(MemorySegment w, long record, int from, int to, float[] tile, int at) {
        FloatVector s0 = FloatVector.fromMemorySegment(F, w, record, LE);
        FloatVector s1 = FloatVector.fromMemorySegment(F, w, record + B, LE);
        FloatVector z0 = FloatVector.fromMemorySegment(F, w, record + 2 * B, LE);
        FloatVector z1 = FloatVector.fromMemorySegment(F, w, record + 3 * B, LE);
        long codes = record + 4 * B;
        int o = at;
        for (int j = from; j < to; j++) {
            IntVector v0 = IntVector.fromMemorySegment(I, w, codes + j * (2 * B), LE);
            IntVector v1 = IntVector.fromMemorySegment(I, w, codes + j * (2 * B) + B, LE);
            value(v0, 0, z0, s0).intoArray(tile, o);
            value(v1, 0, z1, s1).intoArray(tile, o + L);
            value(v0, 16, z0, s0).intoArray(tile, o + PAIR);
            value(v1, 16, z1, s1).intoArray(tile, o + PAIR + L);
            value(v0, 4, z0, s0).intoArray(tile, o + 2 * PAIR);
            value(v1, 4, z1, s1).intoArray(tile, o + 2 * PAIR + L);
            value(v0, 20, z0, s0).intoArray(tile, o + 3 * PAIR);
            value(v1, 20, z1, s1).intoArray(tile, o + 3 * PAIR + L);
            value(v0, 8, z0, s0).intoArray(tile, o + 4 * PAIR);
            value(v1, 8, z1, s1).intoArray(tile, o + 4 * PAIR + L);
            value(v0, 24, z0, s0).intoArray(tile, o + 5 * PAIR);
            value(v1, 24, z1, s1).intoArray(tile, o + 5 * PAIR + L);
            value(v0, 12, z0, s0).intoArray(tile, o + 6 * PAIR);
            value(v1, 12, z1, s1).intoArray(tile, o + 6 * PAIR + L);
            value(v0, 28, z0, s0).intoArray(tile, o + 7 * PAIR);
            value(v1, 28, z1, s1).intoArray(tile, o + 7 * PAIR + L);
            o += 8 * PAIR;
        }
    }

    private static FloatVector value(IntVector codes, int shift, FloatVector zero, FloatVector scale) {
        return ((FloatVector)
                        codes.lanewise(VectorOperators.LSHR, shift).and(0xf).convert(I2F, 0))
                .sub(zero)
                .mul(scale);
    }
}
