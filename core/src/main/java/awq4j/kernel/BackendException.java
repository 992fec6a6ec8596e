package awq4j.kernel;

/** The machine failed, not the caller: no memory, a device call refused. */
public final class BackendException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message what was asked of the machine, what it answered, and what to try */
    public BackendException(String message) {
        super(message);
    }
}
