package awq4j.kernel.vector;

import awq4j.weight.GgufType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * What becomes of the sums of a block's groups, for a vector of rows: {@code out += scale * sum of (factor * (sum - zero
 * * activations)) - least * sum of (lift * activations)}, see {@link awq4j.weight.BlockParts}.
 */
final class BlockScales {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;
    private static final VectorOperators.Conversion<Integer, Float> I2F = VectorOperators.I2F;

    private BlockScales() {}

    /**
     * Applies the scales of some blocks to float sums.
     *
     * @param at where the first block begins
     * @param sums [blocks, groups, lanes] from byte {@code sumsAt} on
     * @param prepared for each group the sum of its activations, times the negated zero if there is one, from {@code
     *     totalsAt} on
     */
    static void floats(
            MemorySegment w,
            long at,
            BlockOrder order,
            int blocks,
            MemorySegment sums,
            long sumsAt,
            float[] prepared,
            int totalsAt,
            float[] out,
            int outAt) {
        int bytes = order.blockBytes();
        switch (order.type()) {
            case Q5_0 -> middle(w, at, bytes, blocks, sums, sumsAt, prepared, totalsAt, out, outAt);
            case Q5_1 -> biased(w, at, bytes, blocks, sums, sumsAt, prepared, totalsAt, out, outAt);
            case Q4_K, Q5_K -> pairs(w, at, bytes, blocks, sums, sumsAt, prepared, totalsAt, out, outAt);
            case Q3_K, Q6_K -> signed(w, at, bytes, blocks, sums, sumsAt, prepared, totalsAt, out, outAt);
            case Q2_K -> nibbles(w, at, bytes, blocks, sums, sumsAt, prepared, totalsAt, out, outAt);
        }
    }

    /**
     * Turns integer sums into floats, each group's with the scale of its activations.
     *
     * @param sums [groups, lanes] from byte {@code at} on
     * @param steps the scales, from {@code stepsAt} on
     */
    static void toFloats(MemorySegment sums, long at, int groups, float[] steps, int stepsAt) {
        for (int g = 0; g < groups; g++) {
            ((FloatVector) IntVector.fromMemorySegment(I, sums, at + g * B, LE).convert(I2F, 0))
                    .mul(steps[stepsAt + g])
                    .intoMemorySegment(sums, at + g * B, LE);
        }
    }

    /** The scales of a block that begins at {@code at}. */
    static FloatVector scale(MemorySegment w, long at) {
        return GroupScales.upperHalf(IntVector.fromMemorySegment(I, w, at, LE).lanewise(VectorOperators.LSHL, 16));
    }

    /** The leasts of a block that begins at {@code at}. */
    static FloatVector least(MemorySegment w, long at) {
        return GroupScales.upperHalf(IntVector.fromMemorySegment(I, w, at, LE));
    }

    private static void middle(
            MemorySegment w,
            long at,
            int bytes,
            int blocks,
            MemorySegment sums,
            long from,
            float[] prepared,
            int totals,
            float[] out,
            int outAt) {
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        for (int b = 0; b < blocks; b++) {
            FloatVector scale = IntVector.fromMemorySegment(I, w, at + (long) b * bytes, LE)
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            total = FloatVector.fromMemorySegment(F, sums, from + b * B, LE)
                    .add(prepared[totals + b])
                    .fma(scale, total);
        }
        total.intoArray(out, outAt);
    }

    private static void biased(
            MemorySegment w,
            long at,
            int bytes,
            int blocks,
            MemorySegment sums,
            long from,
            float[] prepared,
            int totals,
            float[] out,
            int outAt) {
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        for (int b = 0; b < blocks; b++) {
            long place = at + (long) b * bytes;
            IntVector head = IntVector.fromMemorySegment(I, w, place, LE);
            FloatVector scale = head.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            FloatVector least = head.lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            total = FloatVector.fromMemorySegment(F, sums, from + b * B, LE).fma(scale, total);
            total = FloatVector.broadcast(F, prepared[totals + b]).fma(least, total);
        }
        total.intoArray(out, outAt);
    }

    /** A factor and a lift in two bytes. */
    private static void pairs(
            MemorySegment w,
            long at,
            int bytes,
            int blocks,
            MemorySegment sums,
            long from,
            float[] prepared,
            int totals,
            float[] out,
            int outAt) {
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        FloatVector less = FloatVector.zero(F);
        for (int i = 0; i < 4 * blocks; i++) { // in one loop: a sum that starts anew with each block would be boxed
            long place = at + (long) (i >> 2) * bytes;
            IntVector head = IntVector.fromMemorySegment(I, w, place, LE);
            FloatVector scale = head.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            FloatVector least = head.lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            IntVector v = IntVector.fromMemorySegment(I, w, place + ((i & 3) + 1) * B, LE);
            long sum = from + i * (2 * B);
            int x = totals + 2 * i;
            total = ((FloatVector) v.and(0xff).convert(I2F, 0))
                    .mul(scale)
                    .fma(FloatVector.fromMemorySegment(F, sums, sum, LE), total);
            less = ((FloatVector) v.lanewise(VectorOperators.LSHR, 8).and(0xff).convert(I2F, 0))
                    .mul(least)
                    .fma(FloatVector.broadcast(F, prepared[x]), less);
            total = ((FloatVector)
                            v.lanewise(VectorOperators.LSHR, 16).and(0xff).convert(I2F, 0))
                    .mul(scale)
                    .fma(FloatVector.fromMemorySegment(F, sums, sum + B, LE), total);
            less = ((FloatVector) v.lanewise(VectorOperators.LSHR, 24).convert(I2F, 0))
                    .mul(least)
                    .fma(FloatVector.broadcast(F, prepared[x + 1]), less);
        }
        total.sub(less).intoArray(out, outAt);
    }

    /** A factor in a byte, with its sign. */
    private static void signed(
            MemorySegment w,
            long at,
            int bytes,
            int blocks,
            MemorySegment sums,
            long from,
            float[] prepared,
            int totals,
            float[] out,
            int outAt) {
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        for (int i = 0; i < 4 * blocks; i++) {
            long place = at + (long) (i >> 2) * bytes;
            FloatVector scale = IntVector.fromMemorySegment(I, w, place, LE)
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            IntVector v = IntVector.fromMemorySegment(I, w, place + ((i & 3) + 1) * B, LE);
            long sum = from + i * (4 * B);
            int x = totals + 4 * i;
            total = ((FloatVector) v.lanewise(VectorOperators.LSHL, 24)
                            .lanewise(VectorOperators.ASHR, 24)
                            .convert(I2F, 0))
                    .mul(scale)
                    .fma(FloatVector.fromMemorySegment(F, sums, sum, LE).add(prepared[x]), total);
            total = ((FloatVector) v.lanewise(VectorOperators.LSHL, 16)
                            .lanewise(VectorOperators.ASHR, 24)
                            .convert(I2F, 0))
                    .mul(scale)
                    .fma(FloatVector.fromMemorySegment(F, sums, sum + B, LE).add(prepared[x + 1]), total);
            total = ((FloatVector) v.lanewise(VectorOperators.LSHL, 8)
                            .lanewise(VectorOperators.ASHR, 24)
                            .convert(I2F, 0))
                    .mul(scale)
                    .fma(FloatVector.fromMemorySegment(F, sums, sum + 2 * B, LE).add(prepared[x + 2]), total);
            total = ((FloatVector) v.lanewise(VectorOperators.ASHR, 24).convert(I2F, 0))
                    .mul(scale)
                    .fma(FloatVector.fromMemorySegment(F, sums, sum + 3 * B, LE).add(prepared[x + 3]), total);
        }
        total.intoArray(out, outAt);
    }

    /** A factor and a lift in a byte. */
    private static void nibbles(
            MemorySegment w,
            long at,
            int bytes,
            int blocks,
            MemorySegment sums,
            long from,
            float[] prepared,
            int totals,
            float[] out,
            int outAt) {
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        FloatVector less = FloatVector.zero(F);
        for (int i = 0; i < 4 * blocks; i++) {
            long place = at + (long) (i >> 2) * bytes;
            IntVector head = IntVector.fromMemorySegment(I, w, place, LE);
            FloatVector scale = head.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            FloatVector least = head.lanewise(VectorOperators.ASHR, 3)
                    .and(HalfFloats.BITS)
                    .reinterpretAsFloats()
                    .mul(HalfFloats.BIAS);
            IntVector v = IntVector.fromMemorySegment(I, w, place + ((i & 3) + 1) * B, LE);
            long sum = from + i * (4 * B);
            int x = totals + 4 * i;
            for (int g = 0; g < 4; g++) {
                IntVector u = v.lanewise(VectorOperators.LSHR, 8 * g);
                total = ((FloatVector) u.and(0xf).convert(I2F, 0))
                        .mul(scale)
                        .fma(FloatVector.fromMemorySegment(F, sums, sum + g * B, LE), total);
                less = ((FloatVector)
                                u.lanewise(VectorOperators.LSHR, 4).and(0xf).convert(I2F, 0))
                        .mul(least)
                        .fma(FloatVector.broadcast(F, prepared[x + g]), less);
            }
        }
        total.sub(less).intoArray(out, outAt);
    }

    /**
     * Writes the scale and the bias of some groups of a block, which become {@code scale * (code - zero) + bias}.
     *
     * @param at where the block begins
     * @param first of the groups
     * @param out receives [groups, 2, lanes] from byte {@code to} on
     */
    static void values(MemorySegment w, long at, GgufType type, int first, int groups, MemorySegment out, long to) {
        switch (type) {
            case Q5_0 -> plain(w, at, 0, out, to);
            case Q5_1 -> plain(w, at, 1, out, to);
            case Q4_K, Q5_K -> lifted(w, at, 2, 0xff, 8, first, groups, out, to);
            case Q2_K -> lifted(w, at, 4, 0xf, 4, first, groups, out, to);
            case Q3_K, Q6_K -> signed(w, at, first, groups, out, to);
        }
    }

    private static void plain(MemorySegment w, long at, int times, MemorySegment out, long to) {
        scale(w, at).intoMemorySegment(out, to, LE);
        least(w, at).mul(times).intoMemorySegment(out, to + B, LE);
    }

    /**
     * A factor and a lift above it.
     *
     * @param each groups that share a vector
     * @param up where a lift stands above its factor
     */
    private static void lifted(
            MemorySegment w, long at, int each, int mask, int up, int first, int groups, MemorySegment out, long to) {
        FloatVector scale = scale(w, at);
        FloatVector least = least(w, at).neg();
        for (int g = 0; g < groups; g++) {
            int group = first + g;
            IntVector v = IntVector.fromMemorySegment(I, w, at + (1 + group / each) * B, LE)
                    .lanewise(VectorOperators.LSHR, group % each * (32 / each));
            long o = to + g * (2 * B);
            ((FloatVector) v.and(mask).convert(I2F, 0)).mul(scale).intoMemorySegment(out, o, LE);
            ((FloatVector) v.lanewise(VectorOperators.LSHR, up).and(mask).convert(I2F, 0))
                    .mul(least)
                    .intoMemorySegment(out, o + B, LE);
        }
    }

    private static void signed(MemorySegment w, long at, int first, int groups, MemorySegment out, long to) {
        FloatVector scale = scale(w, at);
        for (int g = 0; g < groups; g++) {
            int group = first + g;
            IntVector v = IntVector.fromMemorySegment(I, w, at + (1 + group / 4) * B, LE)
                    .lanewise(VectorOperators.LSHL, 24 - group % 4 * 8)
                    .lanewise(VectorOperators.ASHR, 24);
            long o = to + g * (2 * B);
            ((FloatVector) v.convert(I2F, 0)).mul(scale).intoMemorySegment(out, o, LE);
            FloatVector.zero(F).intoMemorySegment(out, o + B, LE);
        }
    }
}
