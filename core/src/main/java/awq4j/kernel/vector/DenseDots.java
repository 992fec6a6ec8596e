package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** One row of floats times one token, converted on the way from memory to the sums: nothing waits for a copy. */
final class DenseDots {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final VectorSpecies<Short> S = Lanes.SHORTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);

    private static final int HALF_MAGNITUDE = 0x0fffe000;
    private static final int HALF_INFINITY = 0x0f800000;

    private DenseDots() {}

    /** {@code n} values from byte {@code at} on, activations from {@code from} on. */
    static float f32(MemorySegment w, long at, float[] x, int from, int n) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        int k = 0;
        for (int end = n - PAIR; k <= end; k += PAIR) {
            a = FloatVector.fromMemorySegment(F, w, at + k * 4L, LE).fma(FloatVector.fromArray(F, x, from + k), a);
            b = FloatVector.fromMemorySegment(F, w, at + (k + L) * 4L, LE)
                    .fma(FloatVector.fromArray(F, x, from + k + L), b);
        }
        float sum = Lanes.sum(a.add(b));
        for (; k < n; k++) {
            sum = Math.fma(w.get(FLOAT, at + k * 4L), x[from + k], sum);
        }
        return sum;
    }

    /** As {@link #f32} for bfloat16. */
    static float bf16(MemorySegment w, long at, float[] x, int from, int n) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        int k = 0;
        for (int end = n - PAIR; k <= end; k += PAIR) {
            IntVector v = (IntVector)
                    ShortVector.fromMemorySegment(S, w, at + k * 2L, LE).convertShape(VectorOperators.S2I, I, 0);
            IntVector u = (IntVector)
                    ShortVector.fromMemorySegment(S, w, at + (k + L) * 2L, LE).convertShape(VectorOperators.S2I, I, 0);
            a = v.lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(FloatVector.fromArray(F, x, from + k), a);
            b = u.lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(FloatVector.fromArray(F, x, from + k + L), b);
        }
        float sum = Lanes.sum(a.add(b));
        for (; k < n; k++) {
            sum = Math.fma(Float.intBitsToFloat(w.get(SHORT, at + k * 2L) << 16), x[from + k], sum);
        }
        return sum;
    }

    /**
     * As {@link #f32} for float16. Its bits are moved to where a float has them and the exponent is set right by a
     * multiplication, which is exact for all but infinities and NaN: if there are any, the answer is NaN, and the
     * caller has to look closer.
     */
    static float f16(MemorySegment w, long at, float[] x, int from, int n) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        IntVector greatest = IntVector.zero(I);
        int k = 0;
        for (int end = n - PAIR; k <= end; k += PAIR) {
            IntVector v = ((IntVector) ShortVector.fromMemorySegment(S, w, at + k * 2L, LE)
                            .convertShape(VectorOperators.S2I, I, 0))
                    .lanewise(VectorOperators.LSHL, 13);
            IntVector u = ((IntVector) ShortVector.fromMemorySegment(S, w, at + (k + L) * 2L, LE)
                            .convertShape(VectorOperators.S2I, I, 0))
                    .lanewise(VectorOperators.LSHL, 13);
            greatest = greatest.max(v.and(HALF_MAGNITUDE)).max(u.and(HALF_MAGNITUDE));
            a = v.and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS)
                    .fma(FloatVector.fromArray(F, x, from + k), a);
            b = u.and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS)
                    .fma(FloatVector.fromArray(F, x, from + k + L), b);
        }
        if (greatest.reduceLanes(VectorOperators.MAX) >= HALF_INFINITY) {
            return Float.NaN;
        }
        float sum = Lanes.sum(a.add(b));
        for (; k < n; k++) {
            sum = Math.fma(Float.float16ToFloat(w.get(SHORT, at + k * 2L)), x[from + k], sum);
        }
        return sum;
    }
}
