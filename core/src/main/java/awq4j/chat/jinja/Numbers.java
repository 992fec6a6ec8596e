package awq4j.chat.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;

/** Python's arithmetic: integers grow, division of integers floors, booleans count as 0 and 1. */
final class Numbers {
    private static final BigInteger SMALLEST = BigInteger.valueOf(Long.MIN_VALUE);
    private static final BigInteger LARGEST = BigInteger.valueOf(Long.MAX_VALUE);

    private Numbers() {}

    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean || value instanceof BigInteger;
    }

    static boolean isNumber(Object value) {
        return value instanceof Double || isInteger(value);
    }

    /** A long if it fits. */
    static Object shortest(BigInteger number) {
        if (number.bitLength() > Budget.MOST_BITS) {
            throw new TemplateException(
                    "an integer has " + number.bitLength() + " bits, more than " + Budget.MOST_BITS);
        }
        return number.compareTo(SMALLEST) < 0 || number.compareTo(LARGEST) > 0 ? number : (Object) number.longValue();
    }

    static BigInteger big(Object integer) {
        return switch (integer) {
            case BigInteger number -> number;
            case Long number -> BigInteger.valueOf(number);
            case Boolean flag -> flag ? BigInteger.ONE : BigInteger.ZERO;
            default -> throw new IllegalArgumentException("not an integer: " + integer);
        };
    }

    static double real(Object number) {
        if (number instanceof Double real) {
            return real;
        }
        double value =
                number instanceof Long integer ? (double) integer : big(number).doubleValue();
        if (Double.isInfinite(value)) {
            throw new TemplateException("an integer is too large for a float");
        }
        return value;
    }

    /** An integer as int; what lies beyond is the largest or smallest int. */
    static int clamp(Object integer) {
        return big(integer)
                .max(BigInteger.valueOf(Integer.MIN_VALUE))
                .min(BigInteger.valueOf(Integer.MAX_VALUE))
                .intValue();
    }

    /** An integer in long's range. */
    static long exact(Object value, String what) {
        if (!isInteger(value)) {
            throw new TemplateException(what + " should be an integer, is " + Repr.brief(value));
        }
        BigInteger number = big(value);
        if (number.bitLength() > 63) {
            throw new TemplateException(what + " is out of range: " + number);
        }
        return number.longValue();
    }

    /** A binary operation on two numbers. */
    static Object apply(BinaryOperator operator, Object left, Object right) {
        return left instanceof Double || right instanceof Double
                ? reals(operator, real(left), real(right))
                : integers(operator, left, right);
    }

    private static Object integers(BinaryOperator operator, Object left, Object right) {
        if (left instanceof Long a && right instanceof Long b) {
            long sum = a + b;
            if (operator == BinaryOperator.ADD && ((a ^ sum) & (b ^ sum)) >= 0) {
                return sum;
            }
            if (operator == BinaryOperator.MODULO && b > 0) {
                return Math.floorMod(a, b);
            }
        }
        BigInteger a = big(left);
        BigInteger b = big(right);
        return switch (operator) {
            case ADD -> shortest(a.add(b));
            case SUBTRACT -> shortest(a.subtract(b));
            case MULTIPLY -> shortest(a.multiply(b));
            case DIVIDE -> {
                checkDivisor(b.signum() == 0);
                yield quotient(a, b);
            }
            case FLOOR_DIVIDE -> {
                checkDivisor(b.signum() == 0);
                BigInteger[] parts = a.divideAndRemainder(b);
                boolean down = parts[1].signum() != 0 && parts[1].signum() != b.signum();
                yield shortest(down ? parts[0].subtract(BigInteger.ONE) : parts[0]);
            }
            case MODULO -> {
                checkDivisor(b.signum() == 0);
                BigInteger rest = a.remainder(b);
                yield shortest(rest.signum() != 0 && rest.signum() != b.signum() ? rest.add(b) : rest);
            }
            case POWER -> b.signum() < 0 ? reals(operator, real(left), real(right)) : power(a, b);
        };
    }

    /** Correctly rounded, as Python's division of integers is. */
    private static double quotient(BigInteger a, BigInteger b) {
        if (a.bitLength() <= 53 && b.bitLength() <= 53) {
            return (double) a.longValue() / b.longValue();
        }
        double value = new BigDecimal(a)
                .divide(new BigDecimal(b), new java.math.MathContext(40))
                .doubleValue();
        if (Double.isInfinite(value)) {
            throw new TemplateException("the result of a division is too large for a float");
        }
        return value;
    }

    private static Object power(BigInteger base, BigInteger exponent) {
        boolean stays = base.bitLength() <= 1 && base.abs().compareTo(BigInteger.ONE) <= 0;
        if (stays) {
            boolean even = !exponent.testBit(0);
            return exponent.signum() == 0 ? 1L : base.signum() < 0 ? (even ? 1L : -1L) : base.longValue();
        }
        if (exponent.bitLength() > 31 || (long) base.bitLength() * exponent.intValue() > 2L * Budget.MOST_BITS) {
            throw new TemplateException("the result of ** has more than " + Budget.MOST_BITS + " bits");
        }
        return shortest(base.pow(exponent.intValue()));
    }

    private static Object reals(BinaryOperator operator, double a, double b) {
        return switch (operator) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case DIVIDE -> {
                checkDivisor(b == 0);
                yield a / b;
            }
            case FLOOR_DIVIDE -> {
                checkDivisor(b == 0);
                double rest = modulo(a, b);
                double quotient = (a - rest) / b;
                double floor = Math.floor(quotient);
                yield quotient == 0 ? Math.copySign(0.0, a / b) : quotient - floor > 0.5 ? floor + 1 : floor;
            }
            case MODULO -> {
                checkDivisor(b == 0);
                yield modulo(a, b);
            }
            case POWER -> realPower(a, b);
        };
    }

    private static double realPower(double a, double b) {
        if (a == 0 && b < 0) {
            throw new TemplateException("0.0 cannot be raised to a negative power");
        }
        if (a < 0 && Double.isFinite(a) && Double.isFinite(b) && b != Math.rint(b)) {
            throw new TemplateException("a negative number raised to a fraction is not a real number");
        }
        double result = a == 1 ? 1 : a == -1 && Double.isInfinite(b) ? 1 : Math.pow(a, b);
        if (Double.isInfinite(result) && Double.isFinite(a) && Double.isFinite(b)) {
            throw new TemplateException("the result of ** is too large for a float");
        }
        return result;
    }

    private static double modulo(double a, double b) {
        double rest = a % b;
        if (rest == 0) {
            return Math.copySign(0.0, b);
        }
        return (rest < 0) != (b < 0) ? rest + b : rest;
    }

    private static void checkDivisor(boolean zero) {
        if (zero) {
            throw new TemplateException("division by zero");
        }
    }

    static Object negate(Object value) {
        return value instanceof Double real
                ? (Object) (-real)
                : shortest(big(value).negate());
    }

    static Object absolute(Object value) {
        return value instanceof Double real
                ? (Object) Math.abs(real)
                : shortest(big(value).abs());
    }

    /** Order of two numbers; NaN is neither smaller nor larger: {@code null} would say so, 2 does. */
    static int compare(Object left, Object right) {
        if (left instanceof Long a && right instanceof Long b) {
            return Long.compare(a, b);
        }
        if (left instanceof Double || right instanceof Double) {
            if (left instanceof Double a && right instanceof Double b) {
                return Double.isNaN(a) || Double.isNaN(b) ? UNORDERED : a < b ? -1 : a > b ? 1 : 0;
            }
            return left instanceof Double a ? compareMixed(a, big(right)) : -compareMixed((Double) right, big(left));
        }
        return big(left).compareTo(big(right));
    }

    /** What {@link #compare} answers for NaN. */
    static final int UNORDERED = 2;

    private static int compareMixed(double real, BigInteger integer) {
        if (Double.isNaN(real)) {
            return UNORDERED;
        }
        if (Double.isInfinite(real)) {
            return real > 0 ? 1 : -1;
        }
        return new BigDecimal(real).compareTo(new BigDecimal(integer));
    }
}
