package awq4j.eval;

/** A language model as the measures see it: tokens go in, logits come out. Serves one caller at a time. */
public interface Predictor {
    /** Tokens it knows; also how many logits a token gets. */
    int vocabulary();

    /** Most tokens a text may have. */
    int contextLength();

    /** Most tokens one call of {@link #next} takes. */
    int chunk();

    /**
     * Forgets what came before and begins a text.
     *
     * @param length tokens the text will have: some models turn positions by it
     * @throws IllegalArgumentException if that is more than {@link #contextLength}
     */
    void begin(int length);

    /**
     * Reads on in the text.
     *
     * @param tokens 1 to {@link #chunk} of them
     * @return [tokens.length, vocabulary], row-major: the logits of what follows each of the tokens; valid until the
     *     next call, and perhaps longer than that
     */
    float[] next(int[] tokens);
}
