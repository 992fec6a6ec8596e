package awq4j.cli.hub;

/** A hub, the way to it, or the cache does not give what was asked for; the message is one sentence for the user. */
public final class HubException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message what was found, and what to do */
    HubException(String message) {
        super(message);
    }

    /** @param cause what the sentence puts into words */
    HubException(String message, Throwable cause) {
        super(message, cause);
    }
}
