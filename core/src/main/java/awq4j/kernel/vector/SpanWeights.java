package awq4j.kernel.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** From the scores of a query, in powers of two, to its weights; in stretches of whole {@link Lanes#PAIR}s. */
final class SpanWeights {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;
    private static final FloatVector LANE = FloatVector.zero(F).addIndex(1);

    private SpanWeights() {}

    /** Adds {@code slope} times the distance from the query, which is {@code distance} at {@code start}. */
    static void incline(float[] scores, int start, int end, float slope, int distance) {
        for (int i = start; i < end; i += L) {
            FloatVector.fromArray(F, scores, i)
                    .add(LANE.add(distance + i - start).mul(slope))
                    .intoArray(scores, i);
        }
    }

    /** Adds {@code factor * bfloat16(slope * bfloat16(position))}, the position being {@code first} at {@code start}. */
    static void step(float[] scores, int start, int end, float slope, float factor, int first) {
        for (int i = start; i < end; i += L) {
            FloatVector line = toBf16(LANE.add(first + i - start)).mul(slope);
            FloatVector.fromArray(F, scores, i).add(toBf16(line).mul(factor)).intoArray(scores, i);
        }
    }

    /** The nearest bfloat16 numbers, of two as near the even one; of finite numbers. */
    private static FloatVector toBf16(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
        return bits.add(odd).add(0x7fff).and(0xffff_0000).reinterpretAsFloats();
    }

    /** The greatest score. NaN is passed over: it comes back when the scores become weights. */
    static float greatest(float[] scores, int start, int end) {
        FloatVector a = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
        FloatVector b = a;
        for (int i = start; i < end; i += PAIR) {
            FloatVector x = FloatVector.fromArray(F, scores, i);
            FloatVector y = FloatVector.fromArray(F, scores, i + L);
            a = a.blend(x, x.compare(VectorOperators.GT, a));
            b = b.blend(y, y.compare(VectorOperators.GT, b));
        }
        return a.max(b).reduceLanes(VectorOperators.MAX);
    }

    /**
     * Makes each score 2^(score - greatest), and minus infinity 0.
     *
     * @param sums [{@link Lanes#COUNT}] for the sums of the lanes: handed to another method, a vector may become an
     *     object
     * @return the sum
     */
    static float weigh(float[] scores, int start, int end, float greatest, float[] sums) {
        Elementwise.exp2(scores, start, end, greatest);
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        for (int i = start; i < end; i += PAIR) {
            a = a.add(FloatVector.fromArray(F, scores, i));
            b = b.add(FloatVector.fromArray(F, scores, i + L));
        }
        a.add(b).intoArray(sums, 0);
        return sum(sums);
    }

    /** Halves first, as {@link Lanes#sum}. */
    private static float sum(float[] lanes) {
        for (int half = L / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        return lanes[0];
    }
}
