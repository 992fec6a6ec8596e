package awq4j.runtime;

import java.util.ArrayList;
import java.util.List;

/** What can be read off a row of logits. All functions leave the row as it is. */
public final class Logits {
    private Logits() {}

    /**
     * The token with the largest logit; of equals the lowest.
     *
     * @throws IllegalArgumentException if a logit is NaN or plus infinity, or all are minus infinity
     */
    public static int largest(float[] logits) {
        int best = -1;
        float max = Float.NEGATIVE_INFINITY;
        for (int token = 0; token < logits.length; token++) {
            float logit = logits[token];
            if (!(logit <= max)) { // also true of NaN
                if (!(logit < Float.POSITIVE_INFINITY)) {
                    throw unusable(token, logit);
                }
                max = logit;
                best = token;
            }
        }
        if (best < 0) {
            throw nonePossible(logits.length);
        }
        return best;
    }

    /**
     * The largest logit of part of a row, minus infinity if all are.
     *
     * @throws IllegalArgumentException if one is NaN or plus infinity
     */
    static float peak(float[] logits, int from, int to) {
        float max = Float.NEGATIVE_INFINITY;
        for (int token = from; token < to; token++) {
            float logit = logits[token];
            if (!(logit <= max)) { // also true of NaN; a branch seldom taken is faster than Math.max
                if (!(logit < Float.POSITIVE_INFINITY)) {
                    throw unusable(token, logit);
                }
                max = logit;
            }
        }
        return max;
    }

    static IllegalArgumentException nonePossible(int tokens) {
        return new IllegalArgumentException(
                "logits: none of the " + tokens + " tokens is possible, all are -infinity or there are none");
    }

    private static IllegalArgumentException unusable(int token, float logit) {
        return new IllegalArgumentException("logits: that of token " + token + " is " + logit
                + ", expected a number; the model's weights are damaged or its arithmetic overflowed");
    }

    /**
     * The natural logarithm of the sum of e^logit: a logit minus this is the token's log probability.
     *
     * @throws IllegalArgumentException as {@link #largest}
     */
    public static double logSumExp(float[] logits) {
        double max = logits[largest(logits)];
        return max + Math.log(new Masses().of(logits, max, 1));
    }

    /** The natural logarithm of a token's probability at temperature 1. */
    public static double logProbability(float[] logits, int token) {
        return logits[token] - logSumExp(logits);
    }

    /** The log probability of a token and of the {@code top} likeliest ones. */
    static TokenLogprob score(float[] logits, int token, int top, Largest largest) {
        double sum = logSumExp(logits);
        int[] tokens = largest.of(logits, top);
        var best = new ArrayList<TokenLogprob>(largest.size());
        for (int i = 0; i < largest.size(); i++) {
            best.add(new TokenLogprob(tokens[i], logits[tokens[i]] - sum, List.of()));
        }
        return new TokenLogprob(token, logits[token] - sum, best);
    }
}
