package awq4j.bench.peers;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;

/** Several measurements of one thing. */
record Spread(double min, double median, double max) {
    /** @throws IllegalArgumentException if there is none */
    static Spread of(double... values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("spread: expected at least one value, found none");
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return new Spread(sorted[0], (sorted[(n - 1) / 2] + sorted[n / 2]) / 2, sorted[n - 1]);
    }

    /** {@code 1.25 (1.20..1.31)}, with so many digits behind the point. */
    String text(int digits) {
        return rounded(median, digits) + " (" + rounded(min, digits) + ".." + rounded(max, digits) + ")";
    }

    private static String rounded(double value, int digits) {
        return BigDecimal.valueOf(value).setScale(digits, RoundingMode.HALF_UP).toPlainString();
    }
}
