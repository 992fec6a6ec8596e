package awq4j.runtime;

import java.util.Arrays;

/**
 * What tokens weigh, {@code e^((logit - max) / temperature)}, and the sums of stretches of a row: the whole vocabulary
 * as a distribution, without a weight kept for each token.
 *
 * <p>Sums take {@code e^x = (e^(x/64))^64} with Taylor's polynomial of degree 10: products and sums alone, which the
 * compiler turns into vectors. The result is relatively off by 64 |x/64|^11 / 11!, less than 2e-14 where a token of a
 * vocabulary of 150,000 can matter (x above -12), and by rounding, 64 half units.
 */
final class Masses {
    /** Of less, e^x is lost beside 1 even if every token of a vocabulary adds one. */
    private static final double NEGLIGIBLE = -60;

    /** The power that the polynomial is raised to, by squaring; x/64 of any x that counts is above -1. */
    private static final double POWER = 64;

    /** Tokens whose weights lie beside each other in the first-level cache. */
    private static final int LANES = 256;

    /** Tokens that have one sum. */
    private static final int STRETCH = 4 * LANES;

    private static final float[] NONE = {};

    private final double[] lanes = new double[LANES];
    private double[] sums = new double[0];
    private float[] logits = NONE;
    private double max;
    private double temperature;
    private int stretches;
    private double total;

    /**
     * Weighs a row, which must not change as long as this is asked about it.
     *
     * @param max its largest logit
     * @param temperature positive
     * @return the sum of all weights, 1 or more
     */
    double of(float[] logits, double max, double temperature) {
        this.logits = logits;
        this.max = max;
        this.temperature = temperature;
        stretches = Math.ceilDiv(logits.length, STRETCH);
        if (sums.length < stretches) {
            sums = new double[stretches];
        }
        double factor = Math.min(Double.MAX_VALUE, 1 / (POWER * temperature)); // 0 times infinity is NaN
        total = 0;
        for (int s = 0; s < stretches; s++) {
            int end = Math.min(logits.length, (s + 1) * STRETCH);
            Arrays.fill(lanes, 0);
            for (int from = s * STRETCH; from < end; from += LANES) {
                add(logits, from, Math.min(LANES, end - from), max, factor, lanes);
            }
            sums[s] = sum(lanes);
            total += sums[s];
        }
        return total;
    }

    /** Adds the weights of {@code n} logits to {@code to}, one to each. */
    private static void add(float[] logits, int from, int n, double max, double factor, double[] to) {
        for (int i = 0; i < n; i++) {
            double x = Math.max((logits[from + i] - max) * factor, -1); // what counts for nothing may count as e^-64
            double e = Math.fma(x, 1.0 / 3_628_800, 1.0 / 362_880);
            e = Math.fma(x, e, 1.0 / 40_320);
            e = Math.fma(x, e, 1.0 / 5_040);
            e = Math.fma(x, e, 1.0 / 720);
            e = Math.fma(x, e, 1.0 / 120);
            e = Math.fma(x, e, 1.0 / 24);
            e = Math.fma(x, e, 1.0 / 6);
            e = Math.fma(x, e, 0.5);
            e = Math.fma(x, e, 1);
            e = Math.fma(x, e, 1);
            e *= e;
            e *= e;
            e *= e;
            e *= e;
            e *= e;
            e *= e;
            to[i] += e;
        }
    }

    /** Four sums that need not wait for each other. */
    private static double sum(double[] x) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        for (int i = 0; i < x.length; i += 4) {
            s0 += x[i];
            s1 += x[i + 1];
            s2 += x[i + 2];
            s3 += x[i + 3];
        }
        return s0 + s1 + (s2 + s3);
    }

    /** What one token weighs, 0 if that is lost beside the largest. */
    double weight(int token) {
        double below = (logits[token] - max) / temperature;
        return below > NEGLIGIBLE ? Math.exp(below) : 0;
    }

    /** What all weigh together. */
    double total() {
        return total;
    }

    /**
     * The token at a place of the distribution, tokens in order.
     *
     * @param place uniform in [0, 1)
     */
    int at(double place) {
        double target = place * total;
        double sum = 0;
        int stretch = 0;
        while (stretch < stretches - 1 && sum + sums[stretch] <= target) {
            sum += sums[stretch++];
        }
        for (int token = stretch * STRETCH; token < logits.length; token++) {
            double weight = weight(token);
            sum += weight;
            if (weight > 0 && target < sum) {
                return token;
            }
        }
        int last = logits.length - 1; // rounding: place * total may equal the sum
        while (weight(last) == 0) {
            last--;
        }
        return last;
    }
}
