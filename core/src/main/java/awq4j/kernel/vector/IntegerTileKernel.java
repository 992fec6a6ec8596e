package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The product of a tile of 4-bit codes and many tokens' rounded activations in 16-bit integers, which hold twice the lanes
 * of floats: {@link IntegerTile} has the order of the tile. Per group and token what one token's product computes, in the
 * same order: the same bits.
 */
final class IntegerTileKernel {
    /**
     * Steps of two columns whose products fit 16 bits: a code less its middle is at most 8, an activation 127, and
     * 32 * 8 * 127 = 32512.
     */
    static final int STEPS = 32;

    /** Ints of one token, two columns each, for a tile. */
    static final int STRIDE = TileKernel.STRIDE / 2;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final VectorSpecies<Short> S = Lanes.ALL_SHORTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    /** Bytes before the codes of a group: scales and zeros of a pair of vectors. */
    private static final long HEAD = 4L * Lanes.BYTES;

    /** Bytes of two columns of a pair of vectors. */
    private static final long STEP = 2L * Lanes.BYTES;

    /** With 32 registers eight tokens at once, with 16 four. */
    private static final boolean EIGHT = L != 8;

    private IntegerTileKernel() {}

    /**
     * One group and any number of tokens; sums of up to 3 tokens behind the last are overwritten with nonsense.
     *
     * @param at where the group begins in the tile
     * @param width columns of the group with padding
     * @param a pairs of 8-bit activations, tokens {@link #STRIDE} apart, from {@code aAt} on
     * @param scales of the tokens' activations in this group, from {@code scaleAt} on, and from {@code sumAt} on their sums,
     *     negated
     * @param c [tokens, {@link Lanes#PAIR}], added to
     */
    static void run(
            MemorySegment tile,
            long at,
            int width,
            int[] a,
            int aAt,
            float[] scales,
            int scaleAt,
            int sumAt,
            float[] c,
            int cAt,
            int tokens) {
        int steps = Math.min(STEPS, width / 2);
        int blocks = width / 2 / steps;
        int t = 0;
        for (; EIGHT && tokens - t > 4; t += 8) {
            eight(tile, at, blocks, steps, a, aAt + t * STRIDE, scales, scaleAt + t, sumAt + t, c, cAt + t * PAIR);
        }
        for (; tokens - t > 1; t += 4) {
            four(tile, at, blocks, steps, a, aAt + t * STRIDE, scales, scaleAt + t, sumAt + t, c, cAt + t * PAIR);
        }
        for (; t < tokens; t++) {
            one(tile, at, blocks, steps, a, aAt + t * STRIDE, scales, scaleAt + t, sumAt + t, c, cAt + t * PAIR);
        }
    }

    private static void eight(
            MemorySegment tile,
            long at,
            int blocks,
            int steps,
            int[] a,
            int aAt,
            float[] scales,
            int scaleAt,
            int sumAt,
            float[] c,
            int cAt) {
        IntVector s00 = IntVector.zero(I);
        IntVector s01 = IntVector.zero(I);
        IntVector s10 = IntVector.zero(I);
        IntVector s11 = IntVector.zero(I);
        IntVector s20 = IntVector.zero(I);
        IntVector s21 = IntVector.zero(I);
        IntVector s30 = IntVector.zero(I);
        IntVector s31 = IntVector.zero(I);
        IntVector s40 = IntVector.zero(I);
        IntVector s41 = IntVector.zero(I);
        IntVector s50 = IntVector.zero(I);
        IntVector s51 = IntVector.zero(I);
        IntVector s60 = IntVector.zero(I);
        IntVector s61 = IntVector.zero(I);
        IntVector s70 = IntVector.zero(I);
        IntVector s71 = IntVector.zero(I);
        for (int b = 0; b < blocks; b++) {
            ShortVector p00 = ShortVector.zero(S);
            ShortVector p01 = ShortVector.zero(S);
            ShortVector p10 = ShortVector.zero(S);
            ShortVector p11 = ShortVector.zero(S);
            ShortVector p20 = ShortVector.zero(S);
            ShortVector p21 = ShortVector.zero(S);
            ShortVector p30 = ShortVector.zero(S);
            ShortVector p31 = ShortVector.zero(S);
            ShortVector p40 = ShortVector.zero(S);
            ShortVector p41 = ShortVector.zero(S);
            ShortVector p50 = ShortVector.zero(S);
            ShortVector p51 = ShortVector.zero(S);
            ShortVector p60 = ShortVector.zero(S);
            ShortVector p61 = ShortVector.zero(S);
            ShortVector p70 = ShortVector.zero(S);
            ShortVector p71 = ShortVector.zero(S);
            for (int k = b * steps, end = k + steps; k < end; k++) {
                ShortVector w0 = ShortVector.fromMemorySegment(S, tile, at + HEAD + k * STEP, LE);
                ShortVector w1 = ShortVector.fromMemorySegment(S, tile, at + HEAD + k * STEP + Lanes.BYTES, LE);
                ShortVector x = IntVector.broadcast(I, a[aAt + k]).reinterpretAsShorts();
                p00 = p00.add(w0.mul(x));
                p01 = p01.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + STRIDE]).reinterpretAsShorts();
                p10 = p10.add(w0.mul(x));
                p11 = p11.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 2 * STRIDE]).reinterpretAsShorts();
                p20 = p20.add(w0.mul(x));
                p21 = p21.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 3 * STRIDE]).reinterpretAsShorts();
                p30 = p30.add(w0.mul(x));
                p31 = p31.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 4 * STRIDE]).reinterpretAsShorts();
                p40 = p40.add(w0.mul(x));
                p41 = p41.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 5 * STRIDE]).reinterpretAsShorts();
                p50 = p50.add(w0.mul(x));
                p51 = p51.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 6 * STRIDE]).reinterpretAsShorts();
                p60 = p60.add(w0.mul(x));
                p61 = p61.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 7 * STRIDE]).reinterpretAsShorts();
                p70 = p70.add(w0.mul(x));
                p71 = p71.add(w1.mul(x));
            }
            IntVector q00 = p00.reinterpretAsInts();
            s00 = s00.add(q00.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q00.lanewise(VectorOperators.ASHR, 16)));
            IntVector q01 = p01.reinterpretAsInts();
            s01 = s01.add(q01.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q01.lanewise(VectorOperators.ASHR, 16)));
            IntVector q10 = p10.reinterpretAsInts();
            s10 = s10.add(q10.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q10.lanewise(VectorOperators.ASHR, 16)));
            IntVector q11 = p11.reinterpretAsInts();
            s11 = s11.add(q11.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q11.lanewise(VectorOperators.ASHR, 16)));
            IntVector q20 = p20.reinterpretAsInts();
            s20 = s20.add(q20.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q20.lanewise(VectorOperators.ASHR, 16)));
            IntVector q21 = p21.reinterpretAsInts();
            s21 = s21.add(q21.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q21.lanewise(VectorOperators.ASHR, 16)));
            IntVector q30 = p30.reinterpretAsInts();
            s30 = s30.add(q30.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q30.lanewise(VectorOperators.ASHR, 16)));
            IntVector q31 = p31.reinterpretAsInts();
            s31 = s31.add(q31.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q31.lanewise(VectorOperators.ASHR, 16)));
            IntVector q40 = p40.reinterpretAsInts();
            s40 = s40.add(q40.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q40.lanewise(VectorOperators.ASHR, 16)));
            IntVector q41 = p41.reinterpretAsInts();
            s41 = s41.add(q41.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q41.lanewise(VectorOperators.ASHR, 16)));
            IntVector q50 = p50.reinterpretAsInts();
            s50 = s50.add(q50.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q50.lanewise(VectorOperators.ASHR, 16)));
            IntVector q51 = p51.reinterpretAsInts();
            s51 = s51.add(q51.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q51.lanewise(VectorOperators.ASHR, 16)));
            IntVector q60 = p60.reinterpretAsInts();
            s60 = s60.add(q60.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q60.lanewise(VectorOperators.ASHR, 16)));
            IntVector q61 = p61.reinterpretAsInts();
            s61 = s61.add(q61.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q61.lanewise(VectorOperators.ASHR, 16)));
            IntVector q70 = p70.reinterpretAsInts();
            s70 = s70.add(q70.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q70.lanewise(VectorOperators.ASHR, 16)));
            IntVector q71 = p71.reinterpretAsInts();
            s71 = s71.add(q71.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q71.lanewise(VectorOperators.ASHR, 16)));
        }
        FloatVector m0 = FloatVector.fromMemorySegment(F, tile, at, LE);
        FloatVector m1 = FloatVector.fromMemorySegment(F, tile, at + Lanes.BYTES, LE);
        FloatVector z0 = FloatVector.fromMemorySegment(F, tile, at + 2 * Lanes.BYTES, LE);
        FloatVector z1 = FloatVector.fromMemorySegment(F, tile, at + 3 * Lanes.BYTES, LE);
        FloatVector sum = FloatVector.broadcast(F, scales[sumAt]);
        FloatVector scale = FloatVector.broadcast(F, scales[scaleAt]);
        z0.fma(sum, (FloatVector) s00.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt))
                .intoArray(c, cAt);
        z1.fma(sum, (FloatVector) s01.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + L))
                .intoArray(c, cAt + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 1]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 1]);
        z0.fma(sum, (FloatVector) s10.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + PAIR))
                .intoArray(c, cAt + PAIR);
        z1.fma(sum, (FloatVector) s11.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + PAIR + L))
                .intoArray(c, cAt + PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 2]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 2]);
        z0.fma(sum, (FloatVector) s20.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 2 * PAIR))
                .intoArray(c, cAt + 2 * PAIR);
        z1.fma(sum, (FloatVector) s21.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 2 * PAIR + L))
                .intoArray(c, cAt + 2 * PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 3]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 3]);
        z0.fma(sum, (FloatVector) s30.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 3 * PAIR))
                .intoArray(c, cAt + 3 * PAIR);
        z1.fma(sum, (FloatVector) s31.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 3 * PAIR + L))
                .intoArray(c, cAt + 3 * PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 4]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 4]);
        z0.fma(sum, (FloatVector) s40.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 4 * PAIR))
                .intoArray(c, cAt + 4 * PAIR);
        z1.fma(sum, (FloatVector) s41.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 4 * PAIR + L))
                .intoArray(c, cAt + 4 * PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 5]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 5]);
        z0.fma(sum, (FloatVector) s50.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 5 * PAIR))
                .intoArray(c, cAt + 5 * PAIR);
        z1.fma(sum, (FloatVector) s51.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 5 * PAIR + L))
                .intoArray(c, cAt + 5 * PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 6]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 6]);
        z0.fma(sum, (FloatVector) s60.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 6 * PAIR))
                .intoArray(c, cAt + 6 * PAIR);
        z1.fma(sum, (FloatVector) s61.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 6 * PAIR + L))
                .intoArray(c, cAt + 6 * PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 7]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 7]);
        z0.fma(sum, (FloatVector) s70.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 7 * PAIR))
                .intoArray(c, cAt + 7 * PAIR);
        z1.fma(sum, (FloatVector) s71.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 7 * PAIR + L))
                .intoArray(c, cAt + 7 * PAIR + L);
    }

    private static void four(
            MemorySegment tile,
            long at,
            int blocks,
            int steps,
            int[] a,
            int aAt,
            float[] scales,
            int scaleAt,
            int sumAt,
            float[] c,
            int cAt) {
        IntVector s00 = IntVector.zero(I);
        IntVector s01 = IntVector.zero(I);
        IntVector s10 = IntVector.zero(I);
        IntVector s11 = IntVector.zero(I);
        IntVector s20 = IntVector.zero(I);
        IntVector s21 = IntVector.zero(I);
        IntVector s30 = IntVector.zero(I);
        IntVector s31 = IntVector.zero(I);
        for (int b = 0; b < blocks; b++) {
            ShortVector p00 = ShortVector.zero(S);
            ShortVector p01 = ShortVector.zero(S);
            ShortVector p10 = ShortVector.zero(S);
            ShortVector p11 = ShortVector.zero(S);
            ShortVector p20 = ShortVector.zero(S);
            ShortVector p21 = ShortVector.zero(S);
            ShortVector p30 = ShortVector.zero(S);
            ShortVector p31 = ShortVector.zero(S);
            for (int k = b * steps, end = k + steps; k < end; k++) {
                ShortVector w0 = ShortVector.fromMemorySegment(S, tile, at + HEAD + k * STEP, LE);
                ShortVector w1 = ShortVector.fromMemorySegment(S, tile, at + HEAD + k * STEP + Lanes.BYTES, LE);
                ShortVector x = IntVector.broadcast(I, a[aAt + k]).reinterpretAsShorts();
                p00 = p00.add(w0.mul(x));
                p01 = p01.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + STRIDE]).reinterpretAsShorts();
                p10 = p10.add(w0.mul(x));
                p11 = p11.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 2 * STRIDE]).reinterpretAsShorts();
                p20 = p20.add(w0.mul(x));
                p21 = p21.add(w1.mul(x));
                x = IntVector.broadcast(I, a[aAt + k + 3 * STRIDE]).reinterpretAsShorts();
                p30 = p30.add(w0.mul(x));
                p31 = p31.add(w1.mul(x));
            }
            IntVector q00 = p00.reinterpretAsInts();
            s00 = s00.add(q00.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q00.lanewise(VectorOperators.ASHR, 16)));
            IntVector q01 = p01.reinterpretAsInts();
            s01 = s01.add(q01.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q01.lanewise(VectorOperators.ASHR, 16)));
            IntVector q10 = p10.reinterpretAsInts();
            s10 = s10.add(q10.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q10.lanewise(VectorOperators.ASHR, 16)));
            IntVector q11 = p11.reinterpretAsInts();
            s11 = s11.add(q11.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q11.lanewise(VectorOperators.ASHR, 16)));
            IntVector q20 = p20.reinterpretAsInts();
            s20 = s20.add(q20.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q20.lanewise(VectorOperators.ASHR, 16)));
            IntVector q21 = p21.reinterpretAsInts();
            s21 = s21.add(q21.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q21.lanewise(VectorOperators.ASHR, 16)));
            IntVector q30 = p30.reinterpretAsInts();
            s30 = s30.add(q30.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q30.lanewise(VectorOperators.ASHR, 16)));
            IntVector q31 = p31.reinterpretAsInts();
            s31 = s31.add(q31.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q31.lanewise(VectorOperators.ASHR, 16)));
        }
        FloatVector m0 = FloatVector.fromMemorySegment(F, tile, at, LE);
        FloatVector m1 = FloatVector.fromMemorySegment(F, tile, at + Lanes.BYTES, LE);
        FloatVector z0 = FloatVector.fromMemorySegment(F, tile, at + 2 * Lanes.BYTES, LE);
        FloatVector z1 = FloatVector.fromMemorySegment(F, tile, at + 3 * Lanes.BYTES, LE);
        FloatVector sum = FloatVector.broadcast(F, scales[sumAt]);
        FloatVector scale = FloatVector.broadcast(F, scales[scaleAt]);
        z0.fma(sum, (FloatVector) s00.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt))
                .intoArray(c, cAt);
        z1.fma(sum, (FloatVector) s01.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + L))
                .intoArray(c, cAt + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 1]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 1]);
        z0.fma(sum, (FloatVector) s10.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + PAIR))
                .intoArray(c, cAt + PAIR);
        z1.fma(sum, (FloatVector) s11.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + PAIR + L))
                .intoArray(c, cAt + PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 2]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 2]);
        z0.fma(sum, (FloatVector) s20.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 2 * PAIR))
                .intoArray(c, cAt + 2 * PAIR);
        z1.fma(sum, (FloatVector) s21.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 2 * PAIR + L))
                .intoArray(c, cAt + 2 * PAIR + L);
        sum = FloatVector.broadcast(F, scales[sumAt + 3]);
        scale = FloatVector.broadcast(F, scales[scaleAt + 3]);
        z0.fma(sum, (FloatVector) s30.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt + 3 * PAIR))
                .intoArray(c, cAt + 3 * PAIR);
        z1.fma(sum, (FloatVector) s31.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + 3 * PAIR + L))
                .intoArray(c, cAt + 3 * PAIR + L);
    }

    private static void one(
            MemorySegment tile,
            long at,
            int blocks,
            int steps,
            int[] a,
            int aAt,
            float[] scales,
            int scaleAt,
            int sumAt,
            float[] c,
            int cAt) {
        IntVector s00 = IntVector.zero(I);
        IntVector s01 = IntVector.zero(I);
        for (int b = 0; b < blocks; b++) {
            ShortVector p00 = ShortVector.zero(S);
            ShortVector p01 = ShortVector.zero(S);
            for (int k = b * steps, end = k + steps; k < end; k++) {
                ShortVector w0 = ShortVector.fromMemorySegment(S, tile, at + HEAD + k * STEP, LE);
                ShortVector w1 = ShortVector.fromMemorySegment(S, tile, at + HEAD + k * STEP + Lanes.BYTES, LE);
                ShortVector x = IntVector.broadcast(I, a[aAt + k]).reinterpretAsShorts();
                p00 = p00.add(w0.mul(x));
                p01 = p01.add(w1.mul(x));
            }
            IntVector q00 = p00.reinterpretAsInts();
            s00 = s00.add(q00.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q00.lanewise(VectorOperators.ASHR, 16)));
            IntVector q01 = p01.reinterpretAsInts();
            s01 = s01.add(q01.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(q01.lanewise(VectorOperators.ASHR, 16)));
        }
        FloatVector m0 = FloatVector.fromMemorySegment(F, tile, at, LE);
        FloatVector m1 = FloatVector.fromMemorySegment(F, tile, at + Lanes.BYTES, LE);
        FloatVector z0 = FloatVector.fromMemorySegment(F, tile, at + 2 * Lanes.BYTES, LE);
        FloatVector z1 = FloatVector.fromMemorySegment(F, tile, at + 3 * Lanes.BYTES, LE);
        FloatVector sum = FloatVector.broadcast(F, scales[sumAt]);
        FloatVector scale = FloatVector.broadcast(F, scales[scaleAt]);
        z0.fma(sum, (FloatVector) s00.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m0, FloatVector.fromArray(F, c, cAt))
                .intoArray(c, cAt);
        z1.fma(sum, (FloatVector) s01.convert(VectorOperators.I2F, 0))
                .mul(scale)
                .fma(m1, FloatVector.fromArray(F, c, cAt + L))
                .intoArray(c, cAt + L);
    }
}
