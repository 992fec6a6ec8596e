package awq4j.bench.peers;

/** One engine with a model open in this process. */
interface Engine {
    /**
     * How long one reply took, by the clock.
     *
     * @param promptTokens that ran, the begin token included; none came from a cache
     * @param firstTokenNanos from the request until the first token of the reply was there: the prompt's forward pass with
     *     logits for its last token, and what the engine does around it (tokenizing, choosing)
     * @param laterTokens tokens of the reply after the first
     * @param laterNanos from the first token of the reply until the last
     */
    record Reply(int promptTokens, long firstTokenNanos, int laterTokens, long laterNanos) {
        double prefillPerSecond() {
            return promptTokens * 1e9 / firstTokenNanos;
        }

        double decodePerSecond() {
            return laterTokens * 1e9 / laterNanos;
        }
    }

    /** How the engine computes, in its own words; empty if it tells that only to its log. */
    String arithmetic();

    /**
     * Answers a prompt greedily, with exactly so many tokens.
     *
     * @param seed of the prompt: another seed gives other tokens
     */
    Reply reply(int promptTokens, int replyTokens, long seed);
}
