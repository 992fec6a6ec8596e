package awq4j.chat.jinja;

/** What backslashes mean within strings, by the rules of Python's "unicode-escape". */
final class StringEscapes {
    private final String text;
    private final StringBuilder out = new StringBuilder();
    private int at;

    private StringEscapes(String text) {
        this.text = text;
    }

    /**
     * What a string means, without the quotes around it.
     *
     * @throws TemplateException if an escape is incomplete
     */
    static String decode(String text) {
        if (text.indexOf('\\') < 0) {
            return text;
        }
        var escapes = new StringEscapes(text);
        escapes.run();
        return escapes.out.toString();
    }

    private void run() {
        while (at < text.length()) {
            char character = text.charAt(at++);
            if (character != '\\') {
                out.append(character);
            } else {
                escape(text.codePointAt(at));
            }
        }
    }

    private void escape(int character) {
        at += Character.charCount(character);
        switch (character) {
            case '\n' -> {}
            case '\\', '\'', '"' -> out.appendCodePoint(character);
            case 'a' -> out.append('\u0007');
            case 'b' -> out.append('\b');
            case 'f' -> out.append('\f');
            case 'n' -> out.append('\n');
            case 'r' -> out.append('\r');
            case 't' -> out.append('\t');
            case 'v' -> out.append('\u000b');
            case 'x' -> hexadecimal(2);
            case 'u' -> hexadecimal(4);
            case 'U' -> hexadecimal(8);
            case 'N' -> named();
            default -> {
                if (character >= '0' && character <= '7') {
                    octal();
                } else {
                    out.append('\\').append(character < 0x80 ? Character.toString(character) : plain(character));
                }
            }
        }
    }

    /** What jinja2 makes of a character beyond ASCII before it decodes the backslash in front of it. */
    private static String plain(int character) {
        return Json.ascii(Character.toString(character)).substring(1);
    }

    private void hexadecimal(int digits) {
        int end = at;
        while (end < text.length()
                && end < at + digits
                && Character.digit(text.charAt(end), 16) >= 0
                && text.charAt(end) < 0x80) {
            end++;
        }
        long value = end - at == digits ? Long.parseLong(text.substring(at, end), 16) : -1;
        if (value < 0 || value > Character.MAX_CODE_POINT) {
            throw new TemplateException("an escape in a string should be \\x, \\u or \\U and 2, 4 or 8 digits, is "
                    + Repr.brief(text.substring(at - 2)));
        }
        out.appendCodePoint((int) value);
        at = end;
    }

    private void octal() {
        at--;
        int value = 0;
        for (int end = at + 3; at < end && at < text.length() && Character.digit(text.charAt(at), 8) >= 0; at++) {
            value = 8 * value + Character.digit(text.charAt(at), 8);
        }
        out.appendCodePoint(value);
    }

    private void named() {
        int end = text.indexOf('}', at);
        if (end > at + 1 && text.charAt(at) == '{') {
            try {
                out.appendCodePoint(Character.codePointOf(text.substring(at + 1, end)));
                at = end + 1;
                return;
            } catch (IllegalArgumentException unknown) {
                // answered below, like a name that is missing
            }
        }
        throw new TemplateException("\\N in a string should be followed by a character's name in braces");
    }
}
