package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * What becomes of a group's sums: {@code out += scale * (sum - zero * activations)}, or {@code out += scale * sum + bias *
 * activations}, for a vector of rows.
 *
 * <p>Loops over groups call nothing that returns a vector, here and in {@link BlockScales}: HotSpot does not inline a
 * callee that it has compiled by itself where its profile of the loop is still too young to tell that the call is
 * frequent ("already compiled into a medium method"), and every vector that such a call returns is allocated.
 */
final class GroupScales {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final long B = Lanes.BYTES;

    private GroupScales() {}

    /** The scales of a group that begins at {@code at}. */
    static FloatVector scale(MemorySegment w, long at, CodeOrder order) {
        return order.halves()
                ? upperHalf(IntVector.fromMemorySegment(I, w, at, LE).lanewise(VectorOperators.LSHL, 16))
                : FloatVector.fromMemorySegment(F, w, at, LE);
    }

    /** The zeros of a group that begins at {@code at}; 0 if it has biases. */
    static FloatVector zero(MemorySegment w, long at, CodeOrder order) {
        if (order.biased()) {
            return FloatVector.zero(F);
        }
        return order.halves()
                ? upper(IntVector.fromMemorySegment(I, w, at, LE))
                : FloatVector.fromMemorySegment(F, w, at + Lanes.BYTES, LE);
    }

    /** The biases of a group that begins at {@code at}; 0 if it has zeros. */
    static FloatVector bias(MemorySegment w, long at, CodeOrder order) {
        if (!order.biased()) {
            return FloatVector.zero(F);
        }
        return order.halves()
                ? upperHalf(IntVector.fromMemorySegment(I, w, at, LE))
                : FloatVector.fromMemorySegment(F, w, at + Lanes.BYTES, LE);
    }

    /** The float16 in the upper half of each lane; finite, so that moving its bits and a multiplication are exact. */
    static FloatVector upperHalf(IntVector head) {
        return head.lanewise(VectorOperators.ASHR, 3)
                .and(HalfFloats.BITS)
                .reinterpretAsFloats()
                .mul(HalfFloats.BIAS);
    }

    private static FloatVector upper(IntVector head) {
        return (FloatVector) head.lanewise(VectorOperators.LSHR, 16).convert(VectorOperators.I2F, 0);
    }

    /**
     * Applies the scales of some groups to float sums.
     *
     * @param at where the first group begins
     * @param sums [groups, sums of a group, lanes] from byte {@code sumsAt} on
     * @param activations the sum of the activations of each group, from {@code activationsAt} on
     */
    static void floats(
            MemorySegment w,
            long at,
            CodeOrder order,
            int groups,
            MemorySegment sums,
            long sumsAt,
            float[] activations,
            int activationsAt,
            float[] out,
            int outAt) {
        int each = order.sums();
        int bytes = order.groupBytes();
        boolean halves = order.halves();
        boolean biased = order.biased();
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        for (int g = 0; g < groups; g++) {
            long from = sumsAt + (long) g * each * B;
            FloatVector sum = FloatVector.fromMemorySegment(F, sums, from, LE);
            for (int b = 1; b < each; b++) {
                sum = sum.add(FloatVector.fromMemorySegment(F, sums, from + b * B, LE));
            }
            long place = at + (long) g * bytes;
            IntVector head = IntVector.fromMemorySegment(I, w, place, LE);
            float shift = activations[activationsAt + g];
            if (biased) {
                FloatVector bias = halves
                        ? head.lanewise(VectorOperators.ASHR, 3)
                                .and(HalfFloats.BITS)
                                .reinterpretAsFloats()
                                .mul(HalfFloats.BIAS)
                        : FloatVector.fromMemorySegment(F, w, place + B, LE);
                total = bias.fma(FloatVector.broadcast(F, shift), total);
            } else {
                FloatVector zero = halves
                        ? (FloatVector) head.lanewise(VectorOperators.LSHR, 16).convert(VectorOperators.I2F, 0)
                        : FloatVector.fromMemorySegment(F, w, place + B, LE);
                sum = zero.fma(FloatVector.broadcast(F, -shift), sum);
            }
            FloatVector scale = halves
                    ? head.lanewise(VectorOperators.LSHL, 16)
                            .lanewise(VectorOperators.ASHR, 3)
                            .and(HalfFloats.BITS)
                            .reinterpretAsFloats()
                            .mul(HalfFloats.BIAS)
                    : head.reinterpretAsFloats();
            total = sum.fma(scale, total);
        }
        total.intoArray(out, outAt);
    }

    /**
     * Applies the scales of some groups to integer sums of rounded activations.
     *
     * @param at where the first group begins
     * @param sums [groups, sums of a group, lanes] from byte {@code sumsAt} on
     * @param rounded the scale of each group's activations, from {@code scalesAt} on, and the negated sum of their codes,
     *     from {@code activationsAt} on
     */
    static void integers(
            MemorySegment w,
            long at,
            CodeOrder order,
            int groups,
            MemorySegment sums,
            long sumsAt,
            float[] rounded,
            int scalesAt,
            int activationsAt,
            float[] out,
            int outAt) {
        int each = order.sums();
        int bytes = order.groupBytes();
        boolean halves = order.halves();
        boolean biased = order.biased();
        FloatVector total = FloatVector.fromArray(F, out, outAt);
        for (int g = 0; g < groups; g++) {
            long from = sumsAt + (long) g * each * B;
            IntVector sum = IntVector.fromMemorySegment(I, sums, from, LE);
            for (int b = 1; b < each; b++) {
                sum = sum.add(IntVector.fromMemorySegment(I, sums, from + b * B, LE));
            }
            long place = at + (long) g * bytes;
            float step = rounded[scalesAt + g];
            float shift = rounded[activationsAt + g];
            FloatVector codes = (FloatVector) sum.convert(VectorOperators.I2F, 0);
            IntVector head = IntVector.fromMemorySegment(I, w, place, LE);
            if (biased) {
                FloatVector bias = halves
                        ? head.lanewise(VectorOperators.ASHR, 3)
                                .and(HalfFloats.BITS)
                                .reinterpretAsFloats()
                                .mul(HalfFloats.BIAS)
                        : FloatVector.fromMemorySegment(F, w, place + B, LE);
                total = bias.fma(FloatVector.broadcast(F, step * -shift), total);
            } else {
                FloatVector zero = halves
                        ? (FloatVector) head.lanewise(VectorOperators.LSHR, 16).convert(VectorOperators.I2F, 0)
                        : FloatVector.fromMemorySegment(F, w, place + B, LE);
                codes = zero.fma(FloatVector.broadcast(F, shift), codes);
            }
            FloatVector scale = halves
                    ? head.lanewise(VectorOperators.LSHL, 16)
                            .lanewise(VectorOperators.ASHR, 3)
                            .and(HalfFloats.BITS)
                            .reinterpretAsFloats()
                            .mul(HalfFloats.BIAS)
                    : head.reinterpretAsFloats();
            total = codes.mul(step).fma(scale, total);
        }
        total.intoArray(out, outAt);
    }

    /**
     * Adds the biases of a group to the sums of some tokens, as {@link #integers} does for one.
     *
     * @param at where the group begins
     * @param rounded scales of the tokens' activations from {@code scalesAt} on, their negated sums from {@code
     *     activationsAt} on
     * @param out [tokens, {@link Lanes#PAIR}] from {@code outAt} on
     */
    static void biases(
            MemorySegment w,
            long at,
            CodeOrder order,
            float[] rounded,
            int scalesAt,
            int activationsAt,
            float[] out,
            int outAt,
            int tokens) {
        FloatVector bias = bias(w, at, order);
        for (int t = 0; t < tokens; t++) {
            int to = outAt + t * Lanes.PAIR;
            float shift = rounded[scalesAt + t] * -rounded[activationsAt + t];
            bias.fma(FloatVector.broadcast(F, shift), FloatVector.fromArray(F, out, to))
                    .intoArray(out, to);
        }
    }
}
