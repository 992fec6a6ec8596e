package awq4j.chat.jinja;

/**
 * How far a template may go. The defaults are far beyond what a chat of a million characters needs and end a hostile
 * template within seconds.
 *
 * @param steps expressions, statements and iterations in one rendering
 * @param output characters of the result
 * @param single characters of one string, or elements of one list, that an operator or filter makes
 * @param total characters and elements made in one rendering, those that are no longer used included
 * @param depth calls of macros within macros, and values within values
 */
public record Limits(long steps, int output, int single, long total, int depth) {
    /** The limits of chat templates. */
    public static final Limits DEFAULT = new Limits(20_000_000, 16 << 20, 16 << 20, 256L << 20, 200);

    /** Checks that all are positive. */
    public Limits {
        if (steps < 1 || output < 1 || single < 1 || total < 1 || depth < 1) {
            throw new IllegalArgumentException("limits should be positive, are " + steps + ", " + output + ", " + single
                    + ", " + total + ", " + depth);
        }
    }
}
