package awq4j.chat.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/** Floats as Python writes them. */
final class FloatText {
    private FloatText() {}

    /** The shortest digits that read back as the same float. */
    static String repr(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal decimal = shortest(Math.abs(value));
        int exponent = decimal.precision() - decimal.scale() - 1;
        String text;
        if (exponent < -4 || exponent >= 16) {
            text = scientific(decimal.unscaledValue(), exponent, false);
        } else {
            text = decimal.scale() > 0 ? decimal.toPlainString() : decimal.toPlainString() + ".0";
        }
        return value < 0 ? "-" + text : text;
    }

    /** Java writes at least two digits where one would do for the smallest floats. */
    private static BigDecimal shortest(double value) {
        BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        BigDecimal oneDigit = decimal.round(new MathContext(1));
        return oneDigit.doubleValue() == value ? oneDigit : decimal;
    }

    /** Digits with a point after the first, and the exponent with at least two digits. */
    private static String scientific(BigInteger unscaled, int exponent, boolean point) {
        String digits = unscaled.toString();
        return digits.charAt(0)
                + (digits.length() > 1 ? "." + digits.substring(1) : point ? "." : "")
                + exponentText(exponent);
    }

    private static String exponentText(int exponent) {
        int size = Math.abs(exponent);
        return (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + size;
    }

    /**
     * A finite number that is not negative, in one of C's formats.
     *
     * @param kind {@code f}, {@code e} or {@code g}
     * @param alternate whether to keep the point and, for g, trailing zeros
     */
    static String format(double value, char kind, int precision, boolean alternate) {
        var exact = new BigDecimal(value);
        return switch (kind) {
            case 'f' -> {
                String text = exact.setScale(precision, RoundingMode.HALF_EVEN).toPlainString();
                yield precision == 0 && alternate ? text + "." : text;
            }
            case 'e' -> exponential(exact, precision, alternate);
            case 'g' -> general(exact, Math.max(1, precision), alternate);
            default -> throw new IllegalArgumentException("format " + kind);
        };
    }

    private static String exponential(BigDecimal exact, int precision, boolean alternate) {
        if (exact.signum() == 0) {
            return "0" + (precision > 0 ? "." + "0".repeat(precision) : alternate ? "." : "") + "e+00";
        }
        BigDecimal rounded = exact.round(new MathContext(precision + 1, RoundingMode.HALF_EVEN));
        int exponent = rounded.precision() - rounded.scale() - 1;
        BigDecimal padded = rounded.setScale(precision - exponent, RoundingMode.UNNECESSARY);
        return scientific(padded.unscaledValue(), exponent, alternate);
    }

    private static String general(BigDecimal exact, int precision, boolean alternate) {
        if (exact.signum() == 0) {
            return alternate && precision > 1 ? "0." + "0".repeat(precision - 1) : alternate ? "0." : "0";
        }
        BigDecimal rounded = exact.round(new MathContext(precision, RoundingMode.HALF_EVEN));
        int exponent = rounded.precision() - rounded.scale() - 1;
        boolean small = exponent < -4 || exponent >= precision;
        if (!alternate) {
            rounded = rounded.stripTrailingZeros();
            return small
                    ? scientific(rounded.unscaledValue(), exponent, false)
                    : rounded.scale() < 0
                            ? rounded.setScale(0, RoundingMode.UNNECESSARY).toPlainString()
                            : rounded.toPlainString();
        }
        BigDecimal padded = rounded.setScale(precision - 1 - exponent, RoundingMode.UNNECESSARY);
        if (small) {
            return scientific(padded.unscaledValue(), exponent, true);
        }
        return padded.scale() == 0 ? padded.toPlainString() + "." : padded.toPlainString();
    }
}
