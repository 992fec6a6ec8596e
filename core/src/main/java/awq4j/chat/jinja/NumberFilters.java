package awq4j.chat.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Filters that make or take numbers. */
final class NumberFilters {
    static final Map<String, Filters.Filter> ALL = Map.of(
            "int", NumberFilters::toInteger,
            "float", NumberFilters::toFloat,
            "round", NumberFilters::round,
            "abs", NumberFilters::absolute,
            "filesizeformat", NumberFilters::fileSize);

    /** Digits beyond this change no float. */
    private static final int MOST_DIGITS = 400;

    private NumberFilters() {}

    private static Object toInteger(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("int", 0, "default", "base");
        Object otherwise = bound.value(0, 0L);
        return switch (input) {
            case Undefined undefined -> throw undefined.refusal();
            case Double number -> Double.isNaN(number) ? otherwise : Conversion.toInteger(number);
            case String text -> read(text, bound.integer(1, 10)).orElse(otherwise);
            case Markup markup -> read(markup.text(), bound.integer(1, 10)).orElse(otherwise);
            default -> Numbers.isInteger(input) ? Numbers.shortest(Numbers.big(input)) : otherwise;
        };
    }

    private static Optional<Object> read(String text, int base) {
        boolean valid = base == 0 || (base >= 2 && base <= 36);
        Optional<Object> integer = valid ? Conversion.integer(text, base) : Optional.empty();
        return integer.isPresent()
                ? integer
                : Conversion.real(text)
                        .filter(real -> !Double.isNaN(real) && !Double.isInfinite(real))
                        .map(Conversion::toInteger);
    }

    private static Object toFloat(Rendering rendering, Object input, Arguments arguments) {
        Object otherwise = arguments.bind("float", 0, "default").value(0, 0.0);
        return switch (input) {
            case Undefined undefined -> throw undefined.refusal();
            case String text -> Conversion.real(text).<Object>map(real -> real).orElse(otherwise);
            case Markup markup ->
                Conversion.real(markup.text()).<Object>map(real -> real).orElse(otherwise);
            default -> Numbers.isNumber(input) ? (Object) Numbers.real(input) : otherwise;
        };
    }

    private static Object round(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("round", 0, "precision", "method");
        String method = bound.text(1, "common");
        if (!method.equals("common") && !method.equals("ceil") && !method.equals("floor")) {
            throw bound.wrong(1, "'common', 'ceil' or 'floor'");
        }
        if (!Numbers.isNumber(input)) {
            throw new TemplateException("round expects a number, found " + Types.describe(input));
        }
        int precision = Math.clamp(bound.integer(0, 0), -MOST_DIGITS, MOST_DIGITS);
        if (method.equals("common")) {
            return input instanceof Double real ? nearest(real, precision) : nearest(Numbers.big(input), precision);
        }
        Object power = Numbers.apply(BinaryOperator.POWER, 10L, (long) precision);
        Object scaled = Numbers.apply(BinaryOperator.MULTIPLY, input, power);
        Object whole = scaled;
        if (scaled instanceof Double real) {
            whole = Conversion.toInteger(method.equals("ceil") ? Math.ceil(real) : Math.floor(real));
        }
        return Numbers.apply(BinaryOperator.DIVIDE, whole, power);
    }

    private static Object nearest(double real, int precision) {
        if (Double.isNaN(real) || Double.isInfinite(real)) {
            return real;
        }
        double rounded =
                new BigDecimal(real).setScale(precision, RoundingMode.HALF_EVEN).doubleValue();
        return rounded == 0 ? Math.copySign(0.0, real) : rounded;
    }

    private static Object nearest(BigInteger integer, int precision) {
        return Numbers.shortest(new BigDecimal(integer)
                .setScale(Math.min(precision, 0), RoundingMode.HALF_EVEN)
                .toBigInteger());
    }

    private static Object absolute(Rendering rendering, Object input, Arguments arguments) {
        arguments.positionalOnly("abs", 0, 0);
        if (!Numbers.isNumber(input)) {
            throw new TemplateException("abs expects a number, found " + Types.describe(input));
        }
        return Numbers.absolute(input);
    }

    private static Object fileSize(Rendering rendering, Object input, Arguments arguments) {
        boolean binary = arguments.bind("filesizeformat", 0, "binary").truth(0);
        double bytes = Types.isText(input)
                ? Conversion.real(Repr.text(input))
                        .orElseThrow(() -> new TemplateException("filesizeformat expects a number"))
                : Numbers.isNumber(input) ? Numbers.real(input) : Double.NaN;
        if (Double.isNaN(bytes) || Double.isInfinite(bytes)) {
            throw new TemplateException("filesizeformat expects a number, found " + Types.describe(input));
        }
        double base = binary ? 1024 : 1000;
        if (bytes == 1) {
            return "1 Byte";
        }
        if (bytes < base) {
            return String.format(Locale.ROOT, "%d Bytes", (long) bytes);
        }
        double unit = base;
        String prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
        int index = 0;
        while (index < prefixes.length() - 1 && bytes >= unit * base) {
            unit *= base;
            index++;
        }
        return FloatText.format(bytes / unit, 'f', 1, false) + " " + prefixes.charAt(index) + (binary ? "iB" : "B");
    }
}
