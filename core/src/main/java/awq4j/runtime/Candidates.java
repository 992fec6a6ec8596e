package awq4j.runtime;

import java.util.Arrays;

/**
 * The tokens that temperature, top-k, top-p and min-p leave, with weights proportional to their probabilities.
 *
 * <p>Each filter keeps a head of the list of tokens from likeliest to least, so nothing is ever sorted but that head, and
 * stretches of the vocabulary that have nothing for it are passed over. Without filters nothing is listed. The arrays are
 * kept between tokens.
 */
final class Candidates {
    /** Rounding of the sum must not lose a token that belongs to the nucleus. */
    private static final double SLACK = 1e-6;

    /** Tokens that a nucleus usually has at most: selecting them costs next to nothing. */
    private static final int FEW = 64;

    /** Beyond this many, sorting all that may belong to the nucleus is faster than selecting again. */
    private static final int MANY = 1024;

    private final Peaks peaks = new Peaks();
    private final Largest largest = new Largest();
    private final Masses masses = new Masses();

    /** Whether all tokens are left, and stand in {@link #masses} only. */
    private boolean all;

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
        double max = peaks.of(logits);
        all = false;
        if (topK > 0 && topK < logits.length) {
            int[] best = largest.of(logits, peaks, topK);
            double sum = 0;
            for (int i = 0; i < largest.size(); i++) {
                sum += Math.exp((logits[best[i]] - max) / temperature);
            }
            head(logits, best, largest.size(), max, temperature, topP * sum, minP);
        } else if (topP < 1) {
            nucleus(logits, max, temperature, topP, minP);
        } else if (minP > 0) {
            atLeast(logits, max, temperature, minP);
        } else {
            all = true;
            count = logits.length;
            total = masses.of(logits, max, temperature);
        }
    }

    /**
     * The token at a place of the distribution.
     *
     * @param place uniform in [0, 1)
     */
    int at(double place) {
        if (all) {
            return masses.at(place);
        }
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
        return (all ? masses.weight(index) : weights[index]) / total;
    }

    /** The token at {@code index}, below {@link #count}. */
    int token(int index) {
        return all ? index : tokens[index];
    }

    /** Keeps sorted tokens until their weights reach {@code mass}, none of them below {@code minP}; at least one. */
    private void head(
            float[] logits, int[] sorted, int size, double max, double temperature, double mass, double minP) {
        count = 0;
        total = 0;
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
     * nucleus lies above.
     */
    private void nucleus(float[] logits, double max, double temperature, double topP, double minP) {
        double sum = masses.of(logits, max, temperature);
        double lightest = Math.max(minP, (1 - topP) * sum / logits.length) * (1 - SLACK);
        double bound = max + temperature * Math.log(Math.min(1, lightest));
        double mass = topP * sum;
        for (int tried = FEW; tried <= MANY; tried *= 4) {
            int[] best = largest.of(logits, peaks, tried);
            head(logits, best, largest.size(), max, temperature, mass, minP);
            if (count < largest.size() || total >= mass) {
                return;
            }
        }
        int[] best = largest.atLeast(logits, peaks, bound);
        head(logits, best, largest.size(), max, temperature, mass, minP);
    }

    /** @param minP positive */
    private void atLeast(float[] logits, double max, double temperature, double minP) {
        double bound = max + temperature * Math.log(minP);
        count = 0;
        total = 0;
        for (int s = 0; s < peaks.count(); s++) {
            if (peaks.values()[s] >= bound) {
                for (int token = peaks.start(s); token < peaks.end(s); token++) {
                    if (logits[token] >= bound) {
                        add(token, Math.exp((logits[token] - max) / temperature));
                    }
                }
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
