package awq4j.runtime;

/** Why a reply ended. */
public enum FinishReason {
    /** The model said so: an end token, or a stop token that was asked for. */
    END,
    /** A stop string came. */
    STOP_STRING,
    /** The reply has as many tokens as were asked for. */
    MAX_TOKENS,
    /** The context is full. */
    CONTEXT_FULL,
    /** The caller stopped it. */
    CANCELLED
}
