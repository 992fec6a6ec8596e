package awq4j.chat.jinja;

/** What one rendering has left of its {@link Limits}. */
final class Budget {
    /** Jinja's sandbox allows ranges of this many elements. */
    static final int LONGEST_RANGE = 100_000;
    /** Values deeper than this are not printed, compared or written as JSON. */
    static final int DEEPEST_VALUE = 500;
    /** Python refuses to print longer integers; about 4300 digits. */
    static final int MOST_BITS = 14_284;

    /** Characters that are looked at in about the time of one step. */
    private static final int SCANNED_PER_STEP = 256;

    private final Limits limits;
    private long steps;
    private long made;
    private int depth;

    Budget(Limits limits) {
        this.limits = limits;
    }

    /** Counts a unit of work. */
    void step() {
        if (++steps > limits.steps()) {
            throw new TemplateException("takes more than " + limits.steps() + " steps; does a loop never end?");
        }
    }

    /** Counts the work of looking through a string. */
    void scan(int length) {
        steps += length / SCANNED_PER_STEP;
        step();
    }

    /** Counts a string or list before it is made; returns its length. */
    int making(long length) {
        if (length > limits.single()) {
            throw new TemplateException(
                    "makes a string or list of " + length + " elements, more than " + limits.single());
        }
        made += length;
        if (made > limits.total()) {
            throw new TemplateException("makes more than " + limits.total() + " characters and elements in all");
        }
        return (int) length;
    }

    /** Counts a string that an operator, filter or method made. */
    String made(String text) {
        making(text.length());
        return text;
    }

    /** Checks the length that output would have. */
    void output(long length) {
        if (length > limits.output()) {
            throw new TemplateException("its output is longer than " + limits.output() + " characters");
        }
    }

    /** Goes into a call; {@link #leave} ends it. */
    void enter() {
        step();
        if (++depth > limits.depth()) {
            throw new TemplateException("calls go deeper than " + limits.depth());
        }
    }

    void leave() {
        depth--;
    }

    /** Checks how deep values lie in values. */
    static int deeper(int level) {
        if (level >= DEEPEST_VALUE) {
            throw new TemplateException("values are nested deeper than " + DEEPEST_VALUE);
        }
        return level + 1;
    }
}
