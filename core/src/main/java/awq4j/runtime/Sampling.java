package awq4j.runtime;

import awq4j.format.GenerationConfig;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/**
 * How tokens are chosen and when a reply ends.
 *
 * <p>The order is that of transformers, whose recommendations ({@code generation_config.json}) this takes: penalties,
 * then temperature, then top-k, then top-p over what top-k left, then min-p; then one token is drawn by its probability.
 * (llama.cpp applies the temperature last, so that equal numbers mean a wider choice there when it is above 1.)
 *
 * @param temperature divides the logits; 0 is greedy: always the likeliest token, of equals the one with the lowest id
 * @param topK keeps the k likeliest tokens, of equals the lowest ids; 0 keeps all
 * @param topP keeps the fewest likeliest tokens whose probabilities reach p together, at least one (Holtzman et al.,
 *     2019); 1 keeps all
 * @param minP keeps tokens at least this share as likely as the likeliest; 0 keeps all
 * @param penalties on tokens that are there already; they act on greedy choice too
 * @param seed of the random generator; empty for a fresh one each time, which the reply then names
 * @param maxTokens most tokens of a reply
 * @param stopStrings texts that end a reply when it contains them; the reply is what stands before
 * @param stopTokens tokens that end a reply, besides those the model names; they are not part of it
 * @param logprobs how many likeliest tokens to report for each token of the reply; 0 for the chosen one only, -1 for
 *     no report
 */
public record Sampling(
        double temperature,
        int topK,
        double topP,
        double minP,
        Penalties penalties,
        OptionalLong seed,
        int maxTokens,
        List<String> stopStrings,
        Set<Integer> stopTokens,
        int logprobs) {
    /** The value of {@code maxTokens} that leaves only the context's end. */
    public static final int UNLIMITED = Integer.MAX_VALUE;

    /** The value of {@code logprobs} that reports none. */
    public static final int NO_LOGPROBS = -1;

    private static final int MOST_LOGPROBS = 1000;

    /** @throws IllegalArgumentException if a number is outside its range or a stop string is empty */
    public Sampling {
        require(temperature >= 0 && Double.isFinite(temperature), "temperature", "0 (greedy) or more", temperature);
        require(topK >= 0, "top-k", "0 (all) or more", topK);
        require(topP >= 0 && topP <= 1, "top-p", "in [0, 1]", topP);
        require(minP >= 0 && minP <= 1, "min-p", "in [0, 1]", minP);
        require(maxTokens >= 1, "max tokens", "1 or more", maxTokens);
        require(
                logprobs >= NO_LOGPROBS && logprobs <= MOST_LOGPROBS,
                "logprobs",
                "in [" + NO_LOGPROBS + ", " + MOST_LOGPROBS + "]",
                logprobs);
        stopStrings = List.copyOf(stopStrings);
        stopTokens = Set.copyOf(stopTokens);
        if (stopStrings.contains("")) {
            throw new IllegalArgumentException("a stop string must not be empty: it would end every reply at once");
        }
    }

    /** Always the likeliest token, until the model ends or the context does. */
    public static Sampling greedy() {
        return new Sampling(
                0, 0, 1, 0, Penalties.NONE, OptionalLong.empty(), UNLIMITED, List.of(), Set.of(), NO_LOGPROBS);
    }

    /**
     * What a model recommends: greedy unless it says {@code do_sample}; temperature 1 and no filters where it says
     * nothing.
     *
     * @throws IllegalArgumentException if it recommends numbers outside their range
     */
    public static Sampling recommendedBy(GenerationConfig config) {
        Sampling base =
                greedy().withPenalties(new Penalties(config.repetitionPenalty().orElse(1), 0, 0));
        if (!config.sample()) {
            return base;
        }
        return base.withTemperature(config.temperature().orElse(1))
                .withTopK(Math.max(0, config.topK().orElse(0))) // -1 means all, too, in some files
                .withTopP(config.topP().orElse(1))
                .withMinP(config.minP().orElse(0));
    }

    /** Whether the likeliest token is always taken. */
    public boolean isGreedy() {
        return temperature == 0;
    }

    /** The same with another temperature. */
    public Sampling withTemperature(double changed) {
        return new Sampling(changed, topK, topP, minP, penalties, seed, maxTokens, stopStrings, stopTokens, logprobs);
    }

    /** The same with another top-k. */
    public Sampling withTopK(int changed) {
        return new Sampling(
                temperature, changed, topP, minP, penalties, seed, maxTokens, stopStrings, stopTokens, logprobs);
    }

    /** The same with another top-p. */
    public Sampling withTopP(double changed) {
        return new Sampling(
                temperature, topK, changed, minP, penalties, seed, maxTokens, stopStrings, stopTokens, logprobs);
    }

    /** The same with another min-p. */
    public Sampling withMinP(double changed) {
        return new Sampling(
                temperature, topK, topP, changed, penalties, seed, maxTokens, stopStrings, stopTokens, logprobs);
    }

    /** The same with other penalties. */
    public Sampling withPenalties(Penalties changed) {
        return new Sampling(temperature, topK, topP, minP, changed, seed, maxTokens, stopStrings, stopTokens, logprobs);
    }

    /** The same with a seed, so that it can be repeated. */
    public Sampling withSeed(long changed) {
        return new Sampling(
                temperature,
                topK,
                topP,
                minP,
                penalties,
                OptionalLong.of(changed),
                maxTokens,
                stopStrings,
                stopTokens,
                logprobs);
    }

    /** The same with another limit on the reply. */
    public Sampling withMaxTokens(int changed) {
        return new Sampling(temperature, topK, topP, minP, penalties, seed, changed, stopStrings, stopTokens, logprobs);
    }

    /** The same with other stop strings. */
    public Sampling withStopStrings(List<String> changed) {
        return new Sampling(temperature, topK, topP, minP, penalties, seed, maxTokens, changed, stopTokens, logprobs);
    }

    /** The same with other stop tokens. */
    public Sampling withStopTokens(Set<Integer> changed) {
        return new Sampling(temperature, topK, topP, minP, penalties, seed, maxTokens, stopStrings, changed, logprobs);
    }

    /** The same with a report of log probabilities. */
    public Sampling withLogprobs(int changed) {
        return new Sampling(
                temperature, topK, topP, minP, penalties, seed, maxTokens, stopStrings, stopTokens, changed);
    }

    private static void require(boolean holds, String name, String expected, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + expected + ", was " + found);
        }
    }
}
