package awq4j.chat.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code int(x)} and {@code float(x)}. */
final class Conversion {
    private static final Pattern FLOAT = Pattern.compile("[+-]?[\\d_]*\\.?[\\d_]*(?:[eE][+-]?[\\d_]+)?");
    private static final Pattern INTEGER = Pattern.compile("([+-]?)(0[xXoObB]_?)?([0-9a-zA-Z_]+)");
    private static final Pattern STRAY_UNDERSCORE = Pattern.compile("(?<![0-9a-zA-Z])_|_(?![0-9a-zA-Z])");

    private Conversion() {}

    /** The whole part; @throws TemplateException for NaN and infinity. */
    static Object toInteger(double real) {
        if (Double.isNaN(real) || Double.isInfinite(real)) {
            throw new TemplateException("a float " + FloatText.repr(real) + " has no integer");
        }
        return Numbers.shortest(new BigDecimal(real).toBigInteger());
    }

    /** Reads an integer; empty if the text is none in this base. */
    static Optional<Object> integer(String text, int base) {
        Matcher matcher = INTEGER.matcher(plain(text));
        if (!matcher.matches() || STRAY_UNDERSCORE.matcher(matcher.group(3)).find()) {
            return Optional.empty();
        }
        String prefix = matcher.group(2) == null
                ? ""
                : matcher.group(2).replace("_", "").toLowerCase(Locale.ROOT);
        int named = switch (prefix) {
            case "0x" -> 16;
            case "0o" -> 8;
            case "0b" -> 2;
            default -> 0;
        };
        String digits = matcher.group(3);
        int radix = base;
        if (named != 0 && (base == 0 || base == named)) {
            radix = named;
        } else {
            digits = matcher.group(2) == null ? digits : matcher.group(2) + digits;
            if (base == 0) {
                radix = 10;
                if (digits.startsWith("0") && !digits.matches("[0_]+")) {
                    return Optional.empty();
                }
            }
        }
        if (digits.length() > Budget.MOST_BITS / 3) {
            throw new TemplateException("an integer of " + digits.length() + " digits is too large");
        }
        try {
            return Optional.of(Numbers.shortest(new BigInteger(matcher.group(1) + digits.replace("_", ""), radix)));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** Reads a float; empty if the text is none. */
    static Optional<Double> real(String text) {
        String stripped = plain(text);
        String lower = stripped.toLowerCase(Locale.ROOT);
        String unsigned = lower.startsWith("+") || lower.startsWith("-") ? lower.substring(1) : lower;
        double sign = lower.startsWith("-") ? -1 : 1;
        if (unsigned.equals("inf") || unsigned.equals("infinity")) {
            return Optional.of(sign * Double.POSITIVE_INFINITY);
        }
        if (unsigned.equals("nan")) {
            return Optional.of(Double.NaN);
        }
        if (!FLOAT.matcher(stripped).matches()
                || !hasDigit(unsigned)
                || STRAY_UNDERSCORE.matcher(unsigned).find()) {
            return Optional.empty();
        }
        return Optional.of(Double.parseDouble(stripped.replace("_", "")));
    }

    private static boolean hasDigit(String text) {
        char first = text.isEmpty() ? ' ' : text.charAt(0);
        return Character.isDigit(first) || (text.length() > 1 && first == '.' && Character.isDigit(text.charAt(1)));
    }

    /** Without white space around it, and with digits of any script as those of ASCII. */
    private static String plain(String text) {
        String stripped = strip(text);
        if (stripped.chars().allMatch(character -> character < 0x80)) {
            return stripped;
        }
        var out = new StringBuilder();
        stripped.codePoints()
                .map(character -> Character.isDigit(character) ? '0' + Character.digit(character, 10) : character)
                .forEach(out::appendCodePoint);
        return out.toString();
    }

    static String strip(String text) {
        int begin = 0;
        int end = text.length();
        while (begin < end && CodePoints.isSpace(text.charAt(begin))) {
            begin++;
        }
        while (end > begin && CodePoints.isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(begin, end);
    }
}
