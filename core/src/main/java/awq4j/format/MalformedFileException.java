package awq4j.format;

import java.nio.file.Path;

/** A file is not what its format promises: truncated, contradictory or hostile. */
public final class MalformedFileException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Path file;
    private final long offset;

    /**
     * @param offset byte offset of the fault in the file, or -1 where there is none (a JSON value, say)
     * @param message what was expected and what was found
     */
    public MalformedFileException(Path file, long offset, String message) {
        super(file.getFileName() + (offset >= 0 ? " @ " + offset : "") + ": " + message);
        this.file = file;
        this.offset = offset;
    }

    /** The file at fault. */
    public Path file() {
        return file;
    }

    /** Byte offset of the fault, -1 if unknown. */
    public long offset() {
        return offset;
    }
}
