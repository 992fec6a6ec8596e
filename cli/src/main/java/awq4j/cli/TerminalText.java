package awq4j.cli;

/** A model's text made safe for a terminal: what it says must not move the cursor, clear the screen or set the title. */
final class TerminalText {
    private TerminalText() {}

    /** The text with control characters shown by their pictures; line ends and tabs stay, carriage returns go. */
    static String safe(String text) {
        int at = 0;
        while (at < text.length() && harmless(text.charAt(at))) {
            at++;
        }
        if (at == text.length()) {
            return text;
        }
        var out = new StringBuilder(text.length()).append(text, 0, at);
        for (; at < text.length(); at++) {
            char c = text.charAt(at);
            if (harmless(c)) {
                out.append(c);
            } else if (c < ' ') {
                out.append(c == '\r' ? "" : (char) (0x2400 + c));
            } else {
                out.append(c == 0x7F ? '\u2421' : '\uFFFD');
            }
        }
        return out.toString();
    }

    private static boolean harmless(char c) {
        return (c >= ' ' && (c < 0x7F || c > 0x9F)) || c == '\n' || c == '\t';
    }
}
