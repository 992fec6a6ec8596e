package awq4j.kernel.vector;

import awq4j.kernel.ActivationRounding;
import awq4j.kernel.Precision;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Activations of one group rounded to 8 bits, as {@link ActivationRounding} defines it. */
final class RoundedActivations {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final int L = Lanes.COUNT;

    private RoundedActivations() {}

    /** The greatest magnitude that decides the scale of a group of the kernels. */
    private static float greatest(float[] x, int at, CodeOrder order, int group) {
        int source = order.start(group) / order.sourceGroupSize() * order.sourceGroupSize();
        int within = (order.start(group) - source) / Precision.ACTIVATION_GROUP * Precision.ACTIVATION_GROUP;
        int from = source + within;
        int sourceEnd = Math.min(order.columns(), source + order.sourceGroupSize());
        return greatest(x, at + from, Math.min(Precision.ACTIVATION_GROUP, sourceEnd - from));
    }

    private static float greatest(float[] x, int at, int n) {
        FloatVector most = FloatVector.zero(F);
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            most = most.max(FloatVector.fromArray(F, x, at + i).abs());
        }
        float rest = ActivationRounding.greatest(x, at + i, n - i);
        return Math.max(rest, most.reduceLanes(VectorOperators.MAX));
    }

    /** Writes what the codes stand for. */
    static void floats(float[] x, int at, CodeOrder order, int group, float[] out, int outAt) {
        floats(x, at + order.start(group), order.length(group), greatest(x, at, order, group), out, outAt);
    }

    /** Writes what the codes of {@code n} activations stand for that are a group of their own. */
    static void floats(float[] x, int from, int n, float[] out, int outAt) {
        floats(x, from, n, greatest(x, from, n), out, outAt);
    }

    private static void floats(float[] x, int from, int n, float greatest, float[] out, int outAt) {
        float scale = ActivationRounding.scale(greatest);
        float inverse = ActivationRounding.inverse(greatest);
        for (int i = 0; i < n; i++) {
            out[outAt + i] = (x[from + i] * inverse + Elementwise.ROUNDER - Elementwise.ROUNDER) * scale;
        }
    }

    /**
     * Writes pairs of codes of one token's group, its scale and the negated sum of its codes.
     *
     * @param at where the token's activations begin
     * @param pairs [width / 2] from {@code to} on
     */
    static void pairs(
            float[] x,
            int at,
            CodeOrder order,
            int group,
            int[] pairs,
            int to,
            float[] floats,
            int scaleAt,
            int sumAt) {
        float greatest = greatest(x, at, order, group);
        int from = at + order.start(group);
        pairs(x, from, order.length(group), order.width(), greatest, pairs, to, floats, scaleAt, sumAt);
    }

    /** The same for {@code n} activations, an even number, that are a group of their own. */
    static void pairs(float[] x, int from, int n, int[] pairs, int to, float[] floats, int scaleAt, int sumAt) {
        pairs(x, from, n, n, greatest(x, from, n), pairs, to, floats, scaleAt, sumAt);
    }

    private static void pairs(
            float[] x,
            int from,
            int n,
            int width,
            float greatest,
            int[] pairs,
            int to,
            float[] floats,
            int scaleAt,
            int sumAt) {
        float inverse = ActivationRounding.inverse(greatest);
        IntVector sums = IntVector.zero(I);
        int k = 0;
        for (int end = n - L; k <= end; k += L) {
            IntVector codes = FloatVector.fromArray(F, x, from + k)
                    .mul(inverse)
                    .add(Elementwise.ROUNDER)
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16);
            sums = sums.add(codes);
            ((ShortVector) codes.convertShape(VectorOperators.I2S, Lanes.SHORTS, 0))
                    .reinterpretAsInts()
                    .intoArray(pairs, to + k / 2);
        }
        int sum = sums.reduceLanes(VectorOperators.ADD);
        for (; k < width; k += 2) {
            int even = k < n ? code(x[from + k] * inverse) : 0;
            int odd = k + 1 < n ? code(x[from + k + 1] * inverse) : 0;
            pairs[to + k / 2] = (odd << 16) | (even & 0xffff);
            sum += even + odd;
        }
        floats[scaleAt] = ActivationRounding.scale(greatest);
        floats[sumAt] = -sum;
    }

    private static int code(float scaled) {
        return (short) Float.floatToRawIntBits(scaled + Elementwise.ROUNDER);
    }
}
