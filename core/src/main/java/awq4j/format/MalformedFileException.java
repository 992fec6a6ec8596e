package awq4j.format;

import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.UnexpectedEndOfInputException;

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
        super(oneLine(name(file) + (offset >= 0 ? " @ " + offset : "") + ": " + message));
        this.file = file;
        this.offset = offset;
    }

    /**
     * A fault that the JSON parser found, in its own words less the parts that only its programmers understand.
     *
     * @param base where the JSON begins in the file
     * @param what for example {@code not JSON}
     */
    public static MalformedFileException notJson(Path file, long base, String what, JacksonException fault) {
        var location = fault.getLocation();
        long offset = base + Math.max(0, location == null ? 0 : location.getByteOffset());
        String reason = fault instanceof UnexpectedEndOfInputException
                ? "it ends too early"
                : String.valueOf(fault.getOriginalMessage())
                        .replaceFirst("(?s)^Trailing token.*", "it goes on behind its end")
                        .replaceFirst("(?s)\\s*[(\\[][^)\\]]*Source.*", "")
                        .replaceAll("(, from|: enable) `[^)]*", "")
                        .strip();
        return new MalformedFileException(file, offset, what + ": " + reason);
    }

    /** The file at fault. */
    public Path file() {
        return file;
    }

    /** Byte offset of the fault, -1 if unknown. */
    public long offset() {
        return offset;
    }

    /** A name as messages show it: an untrusted one may be long. */
    public static String shown(String name) {
        return name.length() <= 120 ? name : name.substring(0, 120) + "...";
    }

    /** Names in files are untrusted: none may move the cursor of whoever prints the message. */
    static String oneLine(String message) {
        return message.replaceAll("[\\x00-\\x1f\\x7f-\\x9f]", "?");
    }

    private static String name(Path file) {
        Path name = file.getFileName();
        return name == null || name.toString().isEmpty() ? file.toAbsolutePath().toString() : name.toString();
    }
}
