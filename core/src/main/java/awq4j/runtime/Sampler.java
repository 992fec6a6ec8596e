package awq4j.runtime;

import org.jspecify.annotations.Nullable;

/**
 * Chooses the tokens of one reply from their logits. What it does to a row depends on the row, the tokens before it and
 * the seed only. For one thread at a time.
 */
public final class Sampler {
    private final Sampling sampling;
    private final SplitMix random;
    private final @Nullable Occurrences occurrences;
    private final Candidates candidates = new Candidates();

    /**
     * A sampler for one reply.
     *
     * @param prompt the tokens before the reply, which the repetition penalty looks at
     * @param vocabulary length of the rows
     * @param seed used if the sampling is not greedy; {@link Sampling#seed} is not looked at
     */
    public Sampler(Sampling sampling, int[] prompt, int vocabulary, long seed) {
        this.sampling = sampling;
        random = new SplitMix(seed);
        if (sampling.penalties().equals(Penalties.NONE)) {
            occurrences = null;
        } else {
            occurrences = new Occurrences(vocabulary);
            for (int token : prompt) {
                occurrences.addPrompt(token);
            }
        }
    }

    /**
     * The reply's next token.
     *
     * @param logits [vocabulary]; penalties change them in place
     * @throws IllegalArgumentException if a logit is NaN or plus infinity, or all are minus infinity
     */
    public int next(float[] logits) {
        if (occurrences != null) {
            sampling.penalties().apply(logits, occurrences);
        }
        int token = choose(logits);
        if (occurrences != null) {
            occurrences.addReply(token);
        }
        return token;
    }

    private int choose(float[] logits) {
        if (sampling.isGreedy()) {
            return Logits.largest(logits);
        }
        candidates.select(logits, sampling.temperature(), sampling.topK(), sampling.topP(), sampling.minP());
        return candidates.at(random.nextDouble());
    }
}
