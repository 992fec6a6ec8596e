package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The product of a tile of codes of up to 4 bits and many tokens' rounded activations in 16-bit integers, which hold twice the lanes
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
    private static final long B = Lanes.BYTES;

    /** Bytes before the codes of a group: scales and zeros of a pair of vectors. */
    private static final long HEAD = 4 * B;

    /** Bytes of two columns of a pair of vectors. */
    private static final long STEP = 2 * B;

    /** Tokens at once: with 32 registers eight, with 16 four. */
    private static final int TOKENS = L == 8 ? 4 : 8;

    /** Where the products of a block of steps stand until they are scaled: behind the longest tile. */
    private static final long PRODUCTS = IntegerTile.SIZE;

    private static final long BLOCK = 2L * TOKENS * B;

    private IntegerTileKernel() {}

    /** Bytes of a tile and of products. */
    static long bytes() {
        return PRODUCTS + TileKernel.STRIDE / 2 / STEPS * BLOCK;
    }

    /**
     * One group and any number of tokens; sums of up to 3 tokens behind the last are overwritten with nonsense.
     *
     * @param tile has room for {@link #bytes}
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
        for (int t = 0; t < tokens; ) {
            int left = tokens - t;
            int count = left > 4 ? TOKENS : left > 1 ? 4 : 1;
            for (int b = 0; b < blocks; b++) {
                long from = at + HEAD + (long) b * steps * STEP;
                int x = aAt + t * STRIDE + b * steps;
                if (count == 8) {
                    eight(tile, from, steps, a, x, PRODUCTS + b * BLOCK);
                } else if (count == 4) {
                    four(tile, from, steps, a, x, PRODUCTS + b * BLOCK);
                } else {
                    one(tile, from, steps, a, x, PRODUCTS + b * BLOCK);
                }
            }
            for (int v = 0; v < 2; v++) {
                scale(
                        tile,
                        at + v * B,
                        PRODUCTS + v * B,
                        blocks,
                        scales,
                        scaleAt + t,
                        sumAt + t,
                        c,
                        cAt + t * PAIR + v * L,
                        count);
            }
            t += count;
        }
    }

    private static void eight(MemorySegment tile, long at, int steps, int[] a, int aAt, long to) {
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
        for (int k = 0; k < steps; k++) {
            ShortVector w0 = ShortVector.fromMemorySegment(S, tile, at + k * STEP, LE);
            ShortVector w1 = ShortVector.fromMemorySegment(S, tile, at + k * STEP + B, LE);
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
        p00.intoMemorySegment(tile, to, LE);
        p01.intoMemorySegment(tile, to + B, LE);
        p10.intoMemorySegment(tile, to + 2 * B, LE);
        p11.intoMemorySegment(tile, to + 3 * B, LE);
        p20.intoMemorySegment(tile, to + 4 * B, LE);
        p21.intoMemorySegment(tile, to + 5 * B, LE);
        p30.intoMemorySegment(tile, to + 6 * B, LE);
        p31.intoMemorySegment(tile, to + 7 * B, LE);
        p40.intoMemorySegment(tile, to + 8 * B, LE);
        p41.intoMemorySegment(tile, to + 9 * B, LE);
        p50.intoMemorySegment(tile, to + 10 * B, LE);
        p51.intoMemorySegment(tile, to + 11 * B, LE);
        p60.intoMemorySegment(tile, to + 12 * B, LE);
        p61.intoMemorySegment(tile, to + 13 * B, LE);
        p70.intoMemorySegment(tile, to + 14 * B, LE);
        p71.intoMemorySegment(tile, to + 15 * B, LE);
    }

    private static void four(MemorySegment tile, long at, int steps, int[] a, int aAt, long to) {
        ShortVector p00 = ShortVector.zero(S);
        ShortVector p01 = ShortVector.zero(S);
        ShortVector p10 = ShortVector.zero(S);
        ShortVector p11 = ShortVector.zero(S);
        ShortVector p20 = ShortVector.zero(S);
        ShortVector p21 = ShortVector.zero(S);
        ShortVector p30 = ShortVector.zero(S);
        ShortVector p31 = ShortVector.zero(S);
        for (int k = 0; k < steps; k++) {
            ShortVector w0 = ShortVector.fromMemorySegment(S, tile, at + k * STEP, LE);
            ShortVector w1 = ShortVector.fromMemorySegment(S, tile, at + k * STEP + B, LE);
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
        p00.intoMemorySegment(tile, to, LE);
        p01.intoMemorySegment(tile, to + B, LE);
        p10.intoMemorySegment(tile, to + 2 * B, LE);
        p11.intoMemorySegment(tile, to + 3 * B, LE);
        p20.intoMemorySegment(tile, to + 4 * B, LE);
        p21.intoMemorySegment(tile, to + 5 * B, LE);
        p30.intoMemorySegment(tile, to + 6 * B, LE);
        p31.intoMemorySegment(tile, to + 7 * B, LE);
    }

    private static void one(MemorySegment tile, long at, int steps, int[] a, int aAt, long to) {
        ShortVector p00 = ShortVector.zero(S);
        ShortVector p01 = ShortVector.zero(S);
        for (int k = 0; k < steps; k++) {
            ShortVector w0 = ShortVector.fromMemorySegment(S, tile, at + k * STEP, LE);
            ShortVector w1 = ShortVector.fromMemorySegment(S, tile, at + k * STEP + B, LE);
            ShortVector x = IntVector.broadcast(I, a[aAt + k]).reinterpretAsShorts();
            p00 = p00.add(w0.mul(x));
            p01 = p01.add(w1.mul(x));
        }
        p00.intoMemorySegment(tile, to, LE);
        p01.intoMemorySegment(tile, to + B, LE);
    }

    /**
     * Adds the products of one vector of rows, scaled.
     *
     * @param at the vector's scales
     * @param from the vector's first product
     */
    private static void scale(
            MemorySegment tile,
            long at,
            long from,
            int blocks,
            float[] scales,
            int scaleAt,
            int sumAt,
            float[] c,
            int cAt,
            int tokens) {
        FloatVector scale = FloatVector.fromMemorySegment(F, tile, at, LE);
        FloatVector zero = FloatVector.fromMemorySegment(F, tile, at + 2 * B, LE);
        for (int t = 0; t < tokens; t++) {
            IntVector sum = both(IntVector.fromMemorySegment(I, tile, from + t * STEP, LE));
            for (int b = 1; b < blocks; b++) {
                sum = sum.add(both(IntVector.fromMemorySegment(I, tile, from + t * STEP + b * BLOCK, LE)));
            }
            zero.fma(FloatVector.broadcast(F, scales[sumAt + t]), (FloatVector) sum.convert(VectorOperators.I2F, 0))
                    .mul(scales[scaleAt + t])
                    .fma(scale, FloatVector.fromArray(F, c, cAt + t * PAIR))
                    .intoArray(c, cAt + t * PAIR);
        }
    }

    /** The sum of the halves of each lane. */
    private static IntVector both(IntVector halves) {
        return halves.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, 16)
                .add(halves.lanewise(VectorOperators.ASHR, 16));
    }
}
