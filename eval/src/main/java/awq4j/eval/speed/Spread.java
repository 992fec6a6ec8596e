package awq4j.eval.speed;

import java.util.Arrays;

/**
 * What several runs gave.
 *
 * @param median half of the runs were below
 * @param least the smallest
 * @param most the largest
 */
public record Spread(double median, double least, double most) {
    /**
     * Of some runs.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Spread of(double... values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("spread: expected at least one value, found none");
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return new Spread((sorted[(n - 1) / 2] + sorted[n / 2]) / 2, sorted[0], sorted[n - 1]);
    }

    /** Half the distance between the extremes, as a share of the median; 0 of a single run. */
    public double relative() {
        return median == 0 ? 0 : (most - least) / 2 / median;
    }
}
