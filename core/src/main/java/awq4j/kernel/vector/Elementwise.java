package awq4j.kernel.vector;

import awq4j.kernel.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Functions of single values, a vector at a time. A value's result does not depend on the lane it stands in. */
@SuppressWarnings("FloatingPointLiteralPrecision") // published coefficients, as they were published
final class Elementwise {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;

    /** Adding and subtracting 1.5 * 2^23 rounds to an integer, whose low bits then stand in the sum's low bits. */
    static final float ROUNDER = 0x1.8p23f;

    private static final float LOG2_E = 1.44269504f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float LOWEST = -86.6f;
    private static final float HIGHEST = 88.3f;

    private static final float SQRT_TWO_OVER_PI = 0.79788456f;
    private static final float SQRT_HALF = 0.70710678f;

    private Elementwise() {}

    /**
     * e^x within 2e-7 of the result, for x in [-86.6, 88.3]; beyond, the value at the end of that range. NaN stays. The
     * polynomial is that of Cephes' expf.
     */
    static FloatVector exp(FloatVector value) {
        FloatVector x = value.max(LOWEST).min(HIGHEST);
        FloatVector shifted = x.mul(LOG2_E).add(ROUNDER);
        FloatVector n = shifted.sub(ROUNDER);
        FloatVector r = n.fma(FloatVector.broadcast(F, -LN2_LOW), n.fma(FloatVector.broadcast(F, -LN2_HIGH), x));
        FloatVector p = FloatVector.broadcast(F, 1.9875691500E-4f);
        p = p.fma(r, FloatVector.broadcast(F, 1.3981999507E-3f));
        p = p.fma(r, FloatVector.broadcast(F, 8.3334519073E-3f));
        p = p.fma(r, FloatVector.broadcast(F, 4.1665795894E-2f));
        p = p.fma(r, FloatVector.broadcast(F, 1.6666665459E-1f));
        p = p.fma(r, FloatVector.broadcast(F, 5.0000001201E-1f));
        p = p.fma(r.mul(r), r.add(1));
        return p.reinterpretAsInts()
                .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                .reinterpretAsFloats();
    }

    /**
     * Makes each value 2^(x - less), within 1e-7 of the result for x - less in [-125, 127]; below, 2^-125, and 0 for minus
     * infinity. NaN stays. Cheaper than {@link #exp}, because the remainder is exact; the polynomial is a fit of our own to
     * the least relative error. Over an array, because a vector that is returned may become an object ({@link GroupScales}).
     *
     * @param to where it ends, a multiple of {@link Lanes#COUNT} from {@code from}
     */
    static void exp2(float[] values, int from, int to, float less) {
        for (int i = from; i < to; i += L) {
            FloatVector below = FloatVector.fromArray(F, values, i).sub(less);
            FloatVector x = below.max(-125f);
            FloatVector shifted = x.add(ROUNDER);
            FloatVector r = x.sub(shifted.sub(ROUNDER));
            FloatVector p = FloatVector.broadcast(F, 0x1.425874p-13f);
            p = p.fma(r, FloatVector.broadcast(F, 0x1.5f4498p-10f));
            p = p.fma(r, FloatVector.broadcast(F, 0x1.3b2cc4p-7f));
            p = p.fma(r, FloatVector.broadcast(F, 0x1.c6aed6p-5f));
            p = p.fma(r, FloatVector.broadcast(F, 0x1.ebfbdcp-3f));
            p = p.fma(r, FloatVector.broadcast(F, 0x1.62e43p-1f));
            p = p.fma(r, FloatVector.broadcast(F, 1));
            p.reinterpretAsInts()
                    .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats()
                    .blend(0, below.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY))
                    .intoArray(values, i);
        }
    }

    static void activate(Activation activation, float[] x, int from, int to) {
        int i = from;
        for (int end = to - L; i <= end; i += L) {
            apply(activation, FloatVector.fromArray(F, x, i)).intoArray(x, i);
        }
        if (i < to) {
            VectorMask<Float> rest = F.indexInRange(i, to);
            apply(activation, FloatVector.fromArray(F, x, i, rest)).intoArray(x, i, rest);
        }
    }

    static void gate(Activation activation, float[] gate, float[] up, int from, int to) {
        int i = from;
        for (int end = to - L; i <= end; i += L) {
            apply(activation, FloatVector.fromArray(F, gate, i))
                    .mul(FloatVector.fromArray(F, up, i))
                    .intoArray(gate, i);
        }
        if (i < to) {
            VectorMask<Float> rest = F.indexInRange(i, to);
            apply(activation, FloatVector.fromArray(F, gate, i, rest))
                    .mul(FloatVector.fromArray(F, up, i, rest))
                    .intoArray(gate, i, rest);
        }
    }

    /** {@code x = cap * tanh(x / cap)}. */
    static void softcap(float cap, float[] x, int from, int to) {
        int i = from;
        for (int end = to - L; i <= end; i += L) {
            capped(cap, FloatVector.fromArray(F, x, i)).intoArray(x, i);
        }
        if (i < to) {
            VectorMask<Float> rest = F.indexInRange(i, to);
            capped(cap, FloatVector.fromArray(F, x, i, rest)).intoArray(x, i, rest);
        }
    }

    /** cap - 2 cap / (1 + e^(2 x / cap)): its error is 1e-7 of the cap. */
    static FloatVector capped(float cap, FloatVector x) {
        FloatVector e = exp(x.mul(2 / cap));
        return FloatVector.broadcast(F, cap)
                .sub(FloatVector.broadcast(F, 2 * cap).div(e.add(1)));
    }

    private static FloatVector apply(Activation activation, FloatVector x) {
        return switch (activation) {
            case RELU -> x.max(0f);
            case SILU -> x.div(exp(x.neg()).add(1));
            case GELU -> gelu(x);
            // x/2 * (1 + tanh(u)) = x / (1 + e^(-2u))
            case GELU_TANH ->
                x.div(exp(x.mul(x).mul(0.044715f).add(1).mul(x).mul(-2 * SQRT_TWO_OVER_PI))
                        .add(1));
        };
    }

    /** x/2 * erfc(-x / sqrt 2), with the fit of erfc that the scalar kernels use. */
    private static FloatVector gelu(FloatVector x) {
        FloatVector z = x.abs().mul(SQRT_HALF);
        FloatVector t = FloatVector.broadcast(F, 1).div(z.mul(0.5f).add(1));
        FloatVector tail = FloatVector.broadcast(F, 0.17087277f);
        tail = tail.fma(t, FloatVector.broadcast(F, -0.82215223f));
        tail = tail.fma(t, FloatVector.broadcast(F, 1.48851587f));
        tail = tail.fma(t, FloatVector.broadcast(F, -1.13520398f));
        tail = tail.fma(t, FloatVector.broadcast(F, 0.27886807f));
        tail = tail.fma(t, FloatVector.broadcast(F, -0.18628806f));
        tail = tail.fma(t, FloatVector.broadcast(F, 0.09678418f));
        tail = tail.fma(t, FloatVector.broadcast(F, 0.37409196f));
        tail = tail.fma(t, FloatVector.broadcast(F, 1.00002368f));
        tail = tail.fma(t, FloatVector.broadcast(F, -1.26551223f));
        FloatVector outside = t.mul(exp(z.mul(z).neg().add(tail))); // erfc(|x| / sqrt 2)
        // for positive x: x/2 * (2 - outside) = x - x/2 * outside; for negative: x/2 * outside
        FloatVector half = x.mul(0.5f).mul(outside);
        return x.max(0f).sub(half.abs());
    }
}
