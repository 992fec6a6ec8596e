package awq4j.cli;

import awq4j.Reply;
import awq4j.runtime.Timings;

/** A reply's figures in one line. */
final class ReplyFigures {
    private ReplyFigures() {}

    /** For example {@code prompt 12 tokens, 80.1 tokens/s; reply 64 tokens, 14.2 tokens/s; first token after 0.2 s}. */
    static String of(Reply reply) {
        Timings timings = reply.timings();
        return "prompt " + tokens(timings.promptTokens()) + speed(timings.promptTokensPerSecond()) + "; reply "
                + tokens(reply.replyTokens()) + speed(timings.replyTokensPerSecond()) + "; first token after "
                + Figures.fixed(timings.firstToken().toNanos() / 1e9, 2) + " s; " + ended(reply);
    }

    /** Why the reply ended. */
    static String ended(Reply reply) {
        return switch (reply.finish()) {
            case END -> "the model ended it";
            case STOP_STRING -> "a stop text came";
            case MAX_TOKENS -> "stopped at --max-tokens";
            case CONTEXT_FULL -> "the context is full";
            case CANCELLED -> "interrupted";
        };
    }

    /** For example {@code 1 token}. */
    static String tokens(int count) {
        return Figures.grouped(count) + (count == 1 ? " token" : " tokens");
    }

    private static String speed(double tokensPerSecond) {
        return tokensPerSecond == 0 ? "" : ", " + Figures.fixed(tokensPerSecond, 1) + " tokens/s";
    }
}
