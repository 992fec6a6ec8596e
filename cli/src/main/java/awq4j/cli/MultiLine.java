package awq4j.cli;

/**
 * Messages of more than one line: a backslash at a line's end continues on the next, and {@code """} opens a block that
 * the next {@code """} at a line's end closes.
 */
final class MultiLine {
    private static final String FENCE = "\"\"\"";

    private MultiLine() {}

    /** Whether the lines so far want another. */
    static boolean open(String lines) {
        if (fenced(lines)) {
            return !closed(lines);
        }
        return backslashes(lines) % 2 == 1;
    }

    /** The message without the marks that held its lines together. */
    static String message(String lines) {
        if (fenced(lines)) {
            String end = lines.stripTrailing();
            int to = closed(lines) ? end.length() - FENCE.length() : lines.length();
            return lines.substring(lines.indexOf(FENCE) + FENCE.length(), to)
                    .replaceFirst("^\\R", "")
                    .replaceFirst("\\R$", "");
        }
        var message = new StringBuilder();
        for (String line : lines.split("\n", -1)) {
            boolean continues = backslashes(line) % 2 == 1;
            message.append(continues ? line.substring(0, line.length() - 1) : line)
                    .append('\n');
        }
        message.setLength(message.length() - 1);
        return message.toString();
    }

    private static boolean fenced(String lines) {
        return lines.stripLeading().startsWith(FENCE);
    }

    private static boolean closed(String lines) {
        String text = lines.strip();
        return text.length() >= 2 * FENCE.length() && text.endsWith(FENCE);
    }

    private static int backslashes(String line) {
        int count = 0;
        while (count < line.length() && line.charAt(line.length() - 1 - count) == '\\') {
            count++;
        }
        return count;
    }
}
