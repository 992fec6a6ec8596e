package awq4j.kernel.scalar;

import awq4j.kernel.Activation;

/** The activations of one value, computed in double and rounded once. */
public final class Activations {
    private static final double SQRT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);

    private Activations() {}

    /** {@code f(x)}. */
    public static float apply(Activation activation, float x) {
        return switch (activation) {
            case RELU -> Math.max(x, 0f);
            case SILU -> (float) (x / (1 + Math.exp(-(double) x)));
            case GELU -> (float) (0.5 * x * complementaryErf(-x / Math.sqrt(2)));
            case GELU_TANH -> {
                double inner = SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x);
                yield (float) (0.5 * x * (1 + Math.tanh(inner)));
            }
        };
    }

    /**
     * erfc(z) with a relative error below 1.2e-7 (a Chebyshev fit by Numerical Recipes, section 6.2), enough for float
     * results; written with erfc, so that large negative inputs lose no digits to cancellation.
     */
    private static double complementaryErf(double z) {
        double t = 1 / (1 + 0.5 * Math.abs(z));
        double tail = 0.17087277;
        tail = -0.82215223 + t * tail;
        tail = 1.48851587 + t * tail;
        tail = -1.13520398 + t * tail;
        tail = 0.27886807 + t * tail;
        tail = -0.18628806 + t * tail;
        tail = 0.09678418 + t * tail;
        tail = 0.37409196 + t * tail;
        tail = 1.00002368 + t * tail;
        double result = t * Math.exp(-z * z - 1.26551223 + t * tail);
        return z >= 0 ? result : 2 - result;
    }
}
