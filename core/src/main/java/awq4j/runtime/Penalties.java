package awq4j.runtime;

/**
 * What makes tokens less likely that are there already.
 *
 * @param repetition of tokens in prompt or reply: positive logits are divided by it, negative ones multiplied (Keskar et
 *     al., CTRL, 2019, as in transformers); 1 for none
 * @param presence subtracted once from the logit of each token in the reply, as in OpenAI's interface; 0 for none
 * @param frequency subtracted from a token's logit for each time the reply has it, likewise; 0 for none
 */
public record Penalties(double repetition, double presence, double frequency) {
    /** Every token as likely as the model says. */
    public static final Penalties NONE = new Penalties(1, 0, 0);

    /** @throws IllegalArgumentException if repetition is not positive or a value is not finite */
    public Penalties {
        if (!(repetition > 0) || Double.isInfinite(repetition)) {
            throw new IllegalArgumentException(
                    "repetition penalty must be a positive number (1 for none), was " + repetition);
        }
        if (!Double.isFinite(presence)) {
            throw new IllegalArgumentException("presence penalty must be a number (0 for none), was " + presence);
        }
        if (!Double.isFinite(frequency)) {
            throw new IllegalArgumentException("frequency penalty must be a number (0 for none), was " + frequency);
        }
    }

    /**
     * Changes the logits of the tokens that occurred, repetition first.
     *
     * @param logits [vocabulary], changed in place
     */
    void apply(float[] logits, Occurrences occurrences) {
        for (int i = 0; i < occurrences.distinct(); i++) {
            int token = occurrences.token(i);
            double logit = logits[token];
            logit = logit > 0 ? logit / repetition : logit * repetition;
            int times = occurrences.inReply(token);
            if (times > 0) {
                logit -= presence + frequency * times;
            }
            logits[token] = (float) logit;
        }
    }
}
