package awq4j.runtime;

import java.util.List;

/**
 * How likely the model found a token, before penalties, temperature and filters.
 *
 * @param logprob natural logarithm of the probability
 * @param top the likeliest tokens at that place, best first, as many as were asked for; empty within it
 */
public record TokenLogprob(int token, double logprob, List<TokenLogprob> top) {
    /** Copies the list. */
    public TokenLogprob {
        top = List.copyOf(top);
    }
}
