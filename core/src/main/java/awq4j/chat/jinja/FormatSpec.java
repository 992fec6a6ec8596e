package awq4j.chat.jinja;

import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Python's format specification: {@code [[fill]align][sign][#][0][width][grouping][.precision][type]}.
 *
 * @param align one of {@code < > = ^}, or 0 for the type's own
 * @param grouping {@code ,} or {@code _}, or 0
 * @param precision -1 if absent
 * @param type 0 if absent
 */
record FormatSpec(
        String fill, char align, char sign, boolean alternate, int width, char grouping, int precision, char type) {
    private static final Pattern SYNTAX =
            Pattern.compile("(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\\d+)?([,_])?(?:\\.(\\d+))?(.)?", Pattern.DOTALL);

    static FormatSpec parse(String text) {
        Matcher matcher = SYNTAX.matcher(text);
        if (!matcher.matches()) {
            throw new TemplateException("not a format specification: " + Repr.brief(text));
        }
        boolean zero = matcher.group(5) != null;
        String fill = matcher.group(1) != null ? matcher.group(1) : zero ? "0" : " ";
        char align = matcher.group(2) != null ? matcher.group(2).charAt(0) : zero ? '=' : 0;
        return new FormatSpec(
                fill,
                align,
                first(matcher.group(3)),
                matcher.group(4) != null,
                number(matcher.group(6), 0),
                first(matcher.group(7)),
                number(matcher.group(8), -1),
                first(matcher.group(9)));
    }

    private static char first(@org.jspecify.annotations.Nullable String group) {
        return group == null ? 0 : group.charAt(0);
    }

    static int number(@org.jspecify.annotations.Nullable String digits, int otherwise) {
        if (digits == null) {
            return otherwise;
        }
        if (digits.length() > 5) {
            throw new TemplateException("a width or precision of " + digits + " is too large");
        }
        return Integer.parseInt(digits);
    }

    String apply(Object value) {
        return switch (value) {
            case String text -> text(text);
            case Markup markup -> text(markup.text());
            case Double number -> real(number);
            case Boolean flag when equals(parse("")) -> Repr.text(flag);
            default -> {
                if (Numbers.isInteger(value)) {
                    yield type != 0 && "eEfFgG%".indexOf(type) >= 0
                            ? real(Numbers.real(value))
                            : integer(Numbers.big(value));
                }
                if (!equals(parse(""))) {
                    throw new TemplateException("a format specification does not apply to " + Types.describe(value));
                }
                yield Repr.text(value);
            }
        };
    }

    private String text(String text) {
        if ((type != 0 && type != 's') || sign != 0 || grouping != 0 || (align == '=' && !fill.equals("0"))) {
            throw refusal("a string");
        }
        String cut =
                precision >= 0 && precision < CodePoints.length(text) ? CodePoints.slice(text, 0, precision) : text;
        return padded("", cut, align == 0 || align == '=' ? '<' : align);
    }

    private String integer(BigInteger number) {
        if (precision >= 0) {
            throw refusal("an integer");
        }
        String digits = switch (type) {
            case 0, 'd', 'n' -> number.abs().toString();
            case 'b' -> number.abs().toString(2);
            case 'o' -> number.abs().toString(8);
            case 'x' -> number.abs().toString(16);
            case 'X' -> number.abs().toString(16).toUpperCase(Locale.ROOT);
            case 'c' -> Character.toString(number.intValue());
            default -> throw refusal("an integer");
        };
        String prefix = alternate && "boxX".indexOf(type) >= 0 && type != 0 ? "0" + type : "";
        return padded(
                signOf(number.signum() < 0) + prefix, grouped(digits, "box".indexOf(type) >= 0 && type != 0 ? 4 : 3));
    }

    private String real(double number) {
        boolean negative = number < 0 || (number == 0 && 1 / number < 0);
        double size = Math.abs(number);
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            String text = Double.isNaN(number) ? "nan" : "inf";
            return padded(signOf(negative), Character.isUpperCase(type) ? text.toUpperCase(Locale.ROOT) : text);
        }
        int digits = precision < 0 ? 6 : precision;
        String text = switch (type) {
            case 0 ->
                precision < 0 ? FloatText.repr(size) : withPoint(FloatText.format(size, 'g', precision, alternate));
            case 'e', 'E' -> FloatText.format(size, 'e', digits, alternate);
            case 'f', 'F' -> FloatText.format(size, 'f', digits, alternate);
            case 'g', 'G', 'n' -> FloatText.format(size, 'g', digits, alternate);
            case '%' -> FloatText.format(size * 100, 'f', digits, alternate) + "%";
            default -> throw refusal("a float");
        };
        return padded(signOf(negative), grouped(Character.isUpperCase(type) ? text.toUpperCase(Locale.ROOT) : text, 3));
    }

    private static String withPoint(String text) {
        return text.matches("\\d+") ? text + ".0" : text;
    }

    private String signOf(boolean negative) {
        return negative ? "-" : sign == '+' || sign == ' ' ? String.valueOf(sign) : "";
    }

    /** Groups the digits before the point. */
    private String grouped(String text, int size) {
        if (grouping == 0) {
            return text;
        }
        int end = 0;
        while (end < text.length()
                && Character.digit(text.charAt(end), 16) >= 0
                && (size == 4 || Character.isDigit(text.charAt(end)))) {
            end++;
        }
        var out = new StringBuilder(text);
        for (int at = end - size; at > 0; at -= size) {
            out.insert(at, grouping);
        }
        return out.toString();
    }

    private String padded(String prefix, String digits) {
        return padded(prefix, digits, align == 0 ? '>' : align);
    }

    private String padded(String prefix, String body, char at) {
        int missing = width - CodePoints.length(prefix) - CodePoints.length(body);
        if (missing <= 0) {
            return prefix + body;
        }
        return switch (at) {
            case '<' -> prefix + body + fill.repeat(missing);
            case '^' -> fill.repeat(missing / 2) + prefix + body + fill.repeat(missing - missing / 2);
            case '=' -> prefix + fill.repeat(missing) + body;
            default -> fill.repeat(missing) + prefix + body;
        };
    }

    private TemplateException refusal(String what) {
        return new TemplateException(
                "this format specification does not apply to " + what + (type == 0 ? "" : " (type '" + type + "')"));
    }
}
