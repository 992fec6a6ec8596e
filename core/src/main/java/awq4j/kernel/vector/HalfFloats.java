package awq4j.kernel.vector;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/** 16-bit floats to 32-bit ones, exactly. */
final class HalfFloats {
    /** A float16 whose bits stand in a float's exponent and fraction is too small by this. */
    static final float BIAS = 0x1p112f;

    /** Where a float16's sign, exponent and fraction stand in a float. */
    static final int BITS = 0x8fffe000;

    private HalfFloats() {}

    /** float16; the compiler turns this very loop into the machine's conversion instruction. */
    static void fromF16(short[] from, int at, float[] to, int toAt, int n) {
        for (int i = 0; i < n; i++) {
            to[toAt + i] = Float.float16ToFloat(from[at + i]);
        }
    }

    /** bfloat16: the upper half of a float. */
    static void fromBf16(short[] from, int at, float[] to, int toAt, int n) {
        int i = 0;
        for (int end = n - Lanes.COUNT; i <= end; i += Lanes.COUNT) {
            ((IntVector) ShortVector.fromArray(Lanes.SHORTS, from, at + i)
                            .convertShape(VectorOperators.S2I, Lanes.INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .intoArray(to, toAt + i);
        }
        for (; i < n; i++) {
            to[toAt + i] = Float.intBitsToFloat(from[at + i] << 16);
        }
    }
}
