package awq4j.runtime;

import java.util.Arrays;

/**
 * The tokens that temperature, top-k, top-p and min-p leave, with weights proportional to their probabilities.
 *
 * <p>Each filter keeps a head of the list of tokens from likeliest to least, so nothing is ever sorted but that head. A
 * vocabulary without top-k costs one or two passes; the arrays are kept between tokens.
 */
final class Candidates {
    /** As {@link Logits}: e^x of less is lost beside 1. */
    private static final double NEGLIGIBLE = -60;
    /** Rounding of the sum must not lose a token that belongs to the nucleus. */
    private static final double SLACK = 1e-6;

    private final Largest largest = new Largest();
    private int[] tokens = new int[0];
    private double[] weights = new double[0];
    private int count;
    private double total;

    /**
     * Filters one row.
     *
     * @param temperature positive
     * @throws IllegalArgumentException as {@link Logits#largest}
     */
    void select(float[] logits, double temperature, int topK, double topP, double minP) {
        double max = logits[Logits.largest(logits)];
        count = 0;
        total = 0;
        if (topK > 0 && topK < logits.length) {
            int[] best = largest.of(logits, topK);
            double sum = 0;
            for (int i = 0; i < largest.size(); i++) {
                sum += Math.exp((logits[best[i]] - max) / temperature);
            }
            head(logits, best, largest.size(), max, temperature, topP * sum, minP);
        } else if (topP < 1) {
            nucleus(logits, max, temperature, topP, minP);
        } else {
            atLeast(logits, max, temperature, minP);
        }
    }

    /**
     * The token at a place of the distribution.
     *
     * @param place uniform in [0, 1)
     */
    int at(double place) {
        double target = place * total;
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += weights[i];
            if (target < sum) {
                return tokens[i];
            }
        }
        return tokens[count - 1]; // rounding: place * total may equal the sum
    }

    /** How many tokens are left. */
    int count() {
        return count;
    }

    /** The probability of what is at {@code index}, after all filters. */
    double probability(int index) {
        return weights[index] / total;
    }

    /** The token at {@code index}, below {@link #count}. */
    int token(int index) {
        return tokens[index];
    }

    /** Keeps sorted tokens until their weights reach {@code mass}, none of them below {@code minP}; at least one. */
    private void head(
            float[] logits, int[] sorted, int size, double max, double temperature, double mass, double minP) {
        for (int i = 0; i < size; i++) {
            double weight = Math.exp((logits[sorted[i]] - max) / temperature);
            if (i > 0 && (total >= mass || weight < minP)) {
                return;
            }
            add(sorted[i], weight);
        }
    }

    /**
     * Top-p over the whole vocabulary. Tokens below (1 - p) / n of the mass weigh less than 1 - p together, so the
     * nucleus lies above; usually that leaves a handful to sort.
     */
    private void nucleus(float[] logits, double max, double temperature, double topP, double minP) {
        double sum = 0;
        for (float logit : logits) {
            double below = (logit - max) / temperature;
            if (below > NEGLIGIBLE) {
                sum += Math.exp(below);
            }
        }
        double lightest = Math.max(minP, (1 - topP) * sum / logits.length) * (1 - SLACK);
        double bound = max + temperature * Math.log(Math.min(1, lightest));
        int above = 0;
        for (float logit : logits) {
            above += logit >= bound ? 1 : 0;
        }
        // heap selection of few is faster than of all; a flat distribution takes more rounds, each four times as long
        for (int tried = 64; ; tried *= 4) {
            int wanted = Math.min(above, tried);
            int[] best = largest.of(logits, wanted);
            count = 0;
            total = 0;
            head(logits, best, largest.size(), max, temperature, topP * sum, minP);
            if (wanted == above || count < largest.size() || total >= topP * sum) {
                return;
            }
        }
    }

    private void atLeast(float[] logits, double max, double temperature, double minP) {
        double bound = minP > 0 ? max + temperature * Math.log(minP) : Double.NEGATIVE_INFINITY;
        for (int token = 0; token < logits.length; token++) {
            double below = (logits[token] - max) / temperature;
            if (logits[token] >= bound && below > NEGLIGIBLE) {
                add(token, Math.exp(below));
            }
        }
    }

    private void add(int token, double weight) {
        if (count == tokens.length) {
            int larger = Math.max(64, 2 * count);
            tokens = Arrays.copyOf(tokens, larger);
            weights = Arrays.copyOf(weights, larger);
        }
        tokens[count] = token;
        weights[count++] = weight;
        total += weight;
    }
}
