package awq4j.runtime;

import java.time.Duration;

/**
 * How long a reply took.
 *
 * @param promptTokens tokens of the prompt that ran; those re-used from before are not counted
 * @param replyTokens tokens chosen, an end token included
 * @param firstToken from the call until the first token was chosen
 * @param total from the call until the last token was chosen
 */
public record Timings(int promptTokens, int replyTokens, Duration firstToken, Duration total) {
    /** Tokens of the prompt a second; 0 if nothing ran. */
    public double promptTokensPerSecond() {
        return rate(promptTokens, firstToken);
    }

    /** Tokens of the reply a second, from the second one on; 0 if there is none. */
    public double replyTokensPerSecond() {
        return rate(replyTokens - 1, total.minus(firstToken));
    }

    private static double rate(int tokens, Duration time) {
        return tokens <= 0 || !time.isPositive() ? 0 : tokens * 1e9 / time.toNanos();
    }
}
