package awq4j.format.gguf;

/** The metadata keys about how a model's makers would sample. */
public final class SamplingKeys {
    /** What logits are divided by. */
    public static final String TEMPERATURE = "general.sampling.temp";

    /** How many of the likeliest tokens are considered. */
    public static final String TOP_K = "general.sampling.top_k";

    /** The share of the probability that they have together. */
    public static final String TOP_P = "general.sampling.top_p";

    /** The least share of the likeliest token's probability. */
    public static final String MIN_P = "general.sampling.min_p";

    /** What logits of tokens that were there already are divided by. */
    public static final String REPETITION_PENALTY = "general.sampling.penalty_repeat";

    private SamplingKeys() {}
}
