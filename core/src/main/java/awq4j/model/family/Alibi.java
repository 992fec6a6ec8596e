package awq4j.model.family;

import awq4j.tensor.FloatFormats;

/**
 * Slopes of attention with linear biases (Press et al., 2022): a geometric series over the heads. For a number of heads
 * that is no power of two there are two ways to fill up.
 */
final class Alibi {
    private Alibi() {}

    /** MPT's way: every other slope of the next power of two comes first, then the ones between. */
    static float[] ofMpt(int heads, double maxBias) {
        int power = Integer.highestOneBit(heads);
        if (power < heads) {
            power *= 2;
        }
        float[] series = new float[power];
        for (int i = 0; i < power; i++) {
            series[i] = (float) Math.pow(2, -((i + 1) * maxBias / power));
        }
        if (power == heads) {
            return series;
        }
        float[] slopes = new float[heads];
        for (int i = 0; i < heads; i++) {
            slopes[i] = i < power / 2 ? series[2 * i + 1] : series[2 * (i - power / 2)];
        }
        return slopes;
    }

    /** BLOOM's way: the slopes of the power of two below, then odd ones of the next. */
    static float[] ofBloom(int heads) {
        int power = Integer.highestOneBit(heads);
        float[] slopes = new float[heads];
        for (int i = 0; i < heads; i++) {
            slopes[i] = (float)
                    (i < power
                            ? Math.pow(2, -(i + 1) * 8.0 / power)
                            : Math.pow(2, -(2 * (i - power) + 1) * 4.0 / power));
        }
        return slopes;
    }

    /** Falcon's way: BLOOM's slopes, each a power of the first as float32, rounded to bfloat16. */
    static float[] ofFalcon(int heads) {
        int power = Integer.highestOneBit(heads);
        double base = (float) Math.pow(2, -8.0 / power);
        double between = (float) Math.pow(2, -4.0 / power);
        float[] slopes = new float[heads];
        for (int i = 0; i < heads; i++) {
            double slope = i < power ? Math.pow(base, i + 1) : Math.pow(between, 2 * (i - power) + 1);
            slopes[i] = FloatFormats.roundToBf16((float) slope);
        }
        return slopes;
    }
}
