package awq4j.kernel.vector;

import awq4j.kernel.FourBitKv;
import awq4j.kernel.KvBuffer.KvPrecision;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Blocks of {@link FourBitKv}'s codes to floats. Product and sum need no order: the product is exact. */
final class FourBitKvBlock {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;
    private static final int LAST_CODE = 15;

    private FourBitKvBlock() {}

    /** Keys, [features, PAIR positions]. */
    static void keys(FourBitKv memory, int index, int kvHead, float[] to, int features) {
        int scale = memory.keyScaleStart(index, kvHead);
        keys(
                memory.keyCodes(),
                memory.codeStart(index, kvHead),
                memory.keyScales(),
                memory.keyLeast(),
                scale,
                to,
                features);
    }

    private static void keys(byte[] codes, int at, short[] scales, short[] least, int scale, float[] to, int features) {
        for (int d = 0; d < features; d++) {
            FloatVector s = FloatVector.broadcast(F, Float.float16ToFloat(scales[scale + d]));
            FloatVector m = FloatVector.broadcast(F, Float.float16ToFloat(least[scale + d]));
            IntVector pair = (IntVector)
                    ByteVector.fromArray(KvBlock.B, codes, at + d * L).convertShape(VectorOperators.B2I, Lanes.INTS, 0);
            low(pair).fma(s, m).intoArray(to, d * PAIR);
            high(pair).fma(s, m).intoArray(to, d * PAIR + L);
        }
    }

    /** Values, [parts, PAIR positions, PAIR]. */
    static void values(FourBitKv memory, int index, int kvHead, float[] to, int parts) {
        int scale = memory.valueScaleStart(index, kvHead);
        for (int part = 0; part < parts; part++) {
            values(
                    memory.valueCodes(),
                    memory.codeStart(index, kvHead) + part * PAIR * L,
                    memory.valueScales(),
                    memory.valueLeast(),
                    scale + part * PAIR / KvPrecision.GROUP * PAIR,
                    to,
                    part * PAIR * PAIR);
        }
    }

    /** Values of PAIR features. */
    private static void values(byte[] codes, int at, short[] scales, short[] least, int scale, float[] to, int toAt) {
        for (int i = 0; i < PAIR; i++) {
            FloatVector s = FloatVector.broadcast(F, Float.float16ToFloat(scales[scale + i]));
            FloatVector m = FloatVector.broadcast(F, Float.float16ToFloat(least[scale + i]));
            IntVector pair = (IntVector)
                    ByteVector.fromArray(KvBlock.B, codes, at + i * L).convertShape(VectorOperators.B2I, Lanes.INTS, 0);
            low(pair).fma(s, m).intoArray(to, toAt + i * PAIR);
            high(pair).fma(s, m).intoArray(to, toAt + i * PAIR + L);
        }
    }

    private static FloatVector low(IntVector pair) {
        return (FloatVector) pair.and(LAST_CODE).convertShape(VectorOperators.I2F, F, 0);
    }

    private static FloatVector high(IntVector pair) {
        return (FloatVector)
                pair.lanewise(VectorOperators.LSHR, 4).and(LAST_CODE).convertShape(VectorOperators.I2F, F, 0);
    }
}
