package awq4j.chat.jinja;

import java.util.List;
import java.util.Locale;

/** Python's {@code format % values}. */
final class PercentFormat {
    private final String format;
    private final Object values;
    private final List<Object> sequence;
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();
    private int at;
    private int used;
    private boolean keyed;

    PercentFormat(String format, Object values, Budget budget) {
        this.format = format;
        this.values = values;
        this.sequence = values instanceof Tuple tuple ? tuple.items() : List.of(values);
        this.budget = budget;
    }

    String result() {
        while (at < format.length()) {
            int percent = format.indexOf('%', at);
            if (percent < 0) {
                break;
            }
            out.append(format, at, percent);
            at = percent + 1;
            budget.step();
            conversion();
        }
        out.append(format, at, format.length());
        boolean mapping = values instanceof Dict
                || values instanceof List<?>
                || values instanceof Range
                || values instanceof Undefined;
        if (!keyed && !mapping && used < sequence.size()) {
            throw new TemplateException("% has more values than its format " + Repr.brief(format) + " takes");
        }
        return out.toString();
    }

    private void conversion() {
        Object value = null;
        if (peek() == '(') {
            value = byKey();
        }
        var flags = new StringBuilder();
        while ("-+ #0".indexOf(peek()) >= 0 && peek() != 0) {
            flags.append(take());
        }
        int width = size();
        if (width < 0) {
            flags.append('-');
            width = -width;
        }
        int precision = -1;
        if (peek() == '.') {
            at++;
            precision = Math.max(0, size());
        }
        while (peek() != 0 && "hlL".indexOf(peek()) >= 0) {
            at++;
        }
        char type = take();
        if (type == '%') {
            out.append('%');
            return;
        }
        write(value == null ? next() : value, flags.toString(), width, precision, type);
    }

    private void write(Object value, String flags, int width, int precision, char type) {
        String prefix = "";
        String body;
        boolean number = true;
        switch (type) {
            case 's', 'r', 'a' -> {
                String text = type == 's' ? Repr.text(value) : Repr.of(value);
                if (type == 'a') {
                    text = Json.ascii(text);
                }
                body = precision >= 0 && precision < CodePoints.length(text)
                        ? CodePoints.slice(text, 0, precision)
                        : text;
                number = false;
            }
            case 'c' -> {
                body = character(value);
                number = false;
            }
            case 'd', 'i', 'u', 'x', 'X', 'o' -> {
                Object integer = integer(value, type);
                boolean negative = Numbers.big(integer).signum() < 0;
                prefix = sign(negative, flags)
                        + (flags.contains("#") && type != 'd' && type != 'i' && type != 'u' ? "0" + type : "");
                int radix = type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
                body = Numbers.big(integer).abs().toString(radix);
                body = type == 'X' ? body.toUpperCase(Locale.ROOT) : body;
                body = "0".repeat(Math.max(0, precision - body.length())) + body;
            }
            case 'f', 'F', 'e', 'E', 'g', 'G' -> {
                double real = real(value, type);
                boolean negative = real < 0 || (real == 0 && 1 / real < 0);
                prefix = sign(negative, flags);
                body = Double.isNaN(real)
                        ? "nan"
                        : Double.isInfinite(real)
                                ? "inf"
                                : FloatText.format(
                                        Math.abs(real),
                                        Character.toLowerCase(type),
                                        precision < 0 ? 6 : precision,
                                        flags.contains("#"));
                body = Character.isUpperCase(type) ? body.toUpperCase(Locale.ROOT) : body;
            }
            default -> throw new TemplateException("% has no conversion '" + type + "'");
        }
        int missing = Math.max(0, width - CodePoints.length(prefix) - CodePoints.length(body));
        budget.making((long) missing + body.length());
        boolean left = flags.contains("-");
        boolean zeros = number && !left && flags.contains("0");
        out.append(!left && !zeros ? " ".repeat(missing) : "")
                .append(prefix)
                .append(zeros ? "0".repeat(missing) : "")
                .append(body)
                .append(left ? " ".repeat(missing) : "");
    }

    private static String sign(boolean negative, String flags) {
        return negative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
    }

    private static Object integer(Object value, char type) {
        if (Numbers.isInteger(value)) {
            return value;
        }
        if (value instanceof Double real && "diu".indexOf(type) >= 0) {
            return Conversion.toInteger(real);
        }
        throw value instanceof Undefined undefined ? undefined.refusal() : wrong(type, "an integer", value);
    }

    private static double real(Object value, char type) {
        if (!Numbers.isNumber(value)) {
            throw value instanceof Undefined undefined ? undefined.refusal() : wrong(type, "a number", value);
        }
        return Numbers.real(value);
    }

    private static String character(Object value) {
        if (Numbers.isInteger(value) && Character.isValidCodePoint(Numbers.clamp(value))) {
            return Character.toString(Numbers.clamp(value));
        }
        if (Types.isText(value) && CodePoints.length(Repr.text(value)) == 1) {
            return Repr.text(value);
        }
        throw wrong('c', "a character", value);
    }

    private static TemplateException wrong(char type, String expected, Object found) {
        return new TemplateException("%" + type + " expects " + expected + ", found " + Types.describe(found));
    }

    private Object byKey() {
        if (!(values instanceof Dict dict)) {
            throw new TemplateException("%(name) expects a mapping, found " + Types.describe(values));
        }
        int depth = 1;
        int begin = ++at;
        while (depth > 0) {
            char next = take();
            depth += next == '(' ? 1 : next == ')' ? -1 : 0;
        }
        keyed = true;
        String key = format.substring(begin, at - 1);
        Object value = dict.get(key);
        if (value == null) {
            throw new TemplateException("%(" + key + ") names no key of the mapping");
        }
        return value;
    }

    private int size() {
        if (peek() == '*') {
            at++;
            Object value = next();
            if (!Numbers.isInteger(value)) {
                throw wrong('*', "an integer", value);
            }
            return (int) Numbers.exact(value, "a width");
        }
        int begin = at;
        while (Character.isDigit(peek())) {
            at++;
        }
        return begin == at ? 0 : FormatSpec.number(format.substring(begin, at), 0);
    }

    private Object next() {
        if (used >= sequence.size() || keyed) {
            throw new TemplateException("% has fewer values than its format " + Repr.brief(format) + " takes");
        }
        return sequence.get(used++);
    }

    private char peek() {
        return at < format.length() ? format.charAt(at) : 0;
    }

    private char take() {
        if (at >= format.length()) {
            throw new TemplateException("the format " + Repr.brief(format) + " ends within a conversion");
        }
        return format.charAt(at++);
    }
}
