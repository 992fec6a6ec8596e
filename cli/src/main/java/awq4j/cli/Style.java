package awq4j.cli;

import java.util.Map;

/**
 * Colours and weights for a terminal, or nothing at all: pipes, files and {@code NO_COLOR} get plain text.
 *
 * @param on whether escape sequences are written
 */
record Style(boolean on) {
    /** No escape sequences. */
    static final Style PLAIN = new Style(false);

    /** The style for a stream, by whether it is a terminal and by what the environment asks for. */
    static Style of(boolean terminal, Map<String, String> environment) {
        boolean refused = !environment.getOrDefault("NO_COLOR", "").isEmpty()
                || "dumb".equals(environment.getOrDefault("TERM", ""));
        return new Style(terminal && !refused);
    }

    String bold(String text) {
        return wrap("1", text);
    }

    String dim(String text) {
        return wrap("2", text);
    }

    String red(String text) {
        return wrap("31", text);
    }

    String green(String text) {
        return wrap("32", text);
    }

    String yellow(String text) {
        return wrap("33", text);
    }

    String cyan(String text) {
        return wrap("36", text);
    }

    private String wrap(String code, String text) {
        return on ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
    }
}
