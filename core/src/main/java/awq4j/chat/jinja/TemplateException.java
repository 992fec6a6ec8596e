package awq4j.chat.jinja;

/** A template is wrong, went beyond a limit, or refused its input itself with {@code raise_exception}. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int line;
    private final String reason;

    private TemplateException(int line, String reason) {
        super(line > 0 ? "template line " + line + ": " + reason : reason, null, false, true);
        this.line = line;
        this.reason = reason;
    }

    /** A fault at a line, counted from 1. */
    TemplateException(String reason, int line) {
        this(line, reason);
    }

    /** A fault whose line is added by whoever evaluates the statement. */
    TemplateException(String reason) {
        this(0, reason);
    }

    /** The same fault at a line, unless it has one already. */
    TemplateException at(int atLine) {
        return line > 0 ? this : new TemplateException(atLine, reason);
    }

    /** Line of the template, from 1; 0 if the fault lies in the values given to it. */
    public int line() {
        return line;
    }

    /** The message without the line. */
    public String reason() {
        return reason;
    }
}
