package awq4j;

import awq4j.runtime.FinishReason;
import awq4j.runtime.Timings;
import awq4j.runtime.TokenLogprob;
import java.util.List;

/**
 * What a model answered.
 *
 * @param text the reply, without stop strings and special tokens
 * @param tokens of the reply, without the token that ended it; a stop string's are among them
 * @param promptTokens tokens before the reply
 * @param reusedTokens how many of those a session had from before, so that they did not run again
 * @param finish why it ended
 * @param logprobs one for each token, or empty if {@link awq4j.runtime.Sampling#logprobs} asks for none
 * @param seed that gives the same reply again; of no meaning if the sampling is greedy
 */
public record Reply(
        String text,
        int[] tokens,
        int promptTokens,
        int reusedTokens,
        FinishReason finish,
        Timings timings,
        List<TokenLogprob> logprobs,
        long seed) {
    /** Copies the list. */
    public Reply {
        logprobs = List.copyOf(logprobs);
    }

    /** Number of tokens. */
    public int replyTokens() {
        return tokens.length;
    }
}
