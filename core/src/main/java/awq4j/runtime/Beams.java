package awq4j.runtime;

/**
 * How {@link BeamSearch} looks for a reply, with transformers' names and defaults.
 *
 * @param count replies that are followed at once (num_beams)
 * @param lengthPenalty a reply's score is its log probability divided by its number of tokens, an end token included,
 *     to this power (length_penalty): 0 compares sums, 1 averages, more prefers longer replies, below 0 shorter ones
 * @param earlyStopping whether the search ends as soon as {@code count} replies are complete; otherwise when, by their
 *     length now, none of those that go on is better than them (early_stopping)
 * @param maxTokens most tokens of a reply
 */
public record Beams(int count, double lengthPenalty, boolean earlyStopping, int maxTokens) {
    /** Most replies that can be followed: each holds keys and values of its own. */
    public static final int MOST = 1000;

    /** @throws IllegalArgumentException if a number is outside its range */
    public Beams {
        require(count >= 1 && count <= MOST, "beams", "in [1, " + MOST + "]", count);
        require(Double.isFinite(lengthPenalty), "length penalty", "a finite number", lengthPenalty);
        require(maxTokens >= 1, "max tokens", "1 or more", maxTokens);
    }

    /** So many beams with average log probabilities as scores, to the end of the reply or the context. */
    public static Beams of(int count) {
        return new Beams(count, 1, false, Sampling.UNLIMITED);
    }

    /** The same with another length penalty. */
    public Beams withLengthPenalty(double changed) {
        return new Beams(count, changed, earlyStopping, maxTokens);
    }

    /** The same with another limit on the reply. */
    public Beams withMaxTokens(int changed) {
        return new Beams(count, lengthPenalty, earlyStopping, changed);
    }

    /** The score of a reply of {@code tokens} tokens whose log probabilities sum to {@code sum}. */
    double score(double sum, int tokens) {
        return sum / Math.pow(tokens, lengthPenalty);
    }

    private static void require(boolean holds, String name, String expected, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + expected + ", was " + found);
        }
    }
}
