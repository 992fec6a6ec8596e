package awq4j.format;

/** A checkpoint is well formed, but asks for something that is not implemented. */
public final class UnsupportedModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message what was asked for, and what is supported instead */
    public UnsupportedModelException(String message) {
        super(MalformedFileException.oneLine(message));
    }
}
