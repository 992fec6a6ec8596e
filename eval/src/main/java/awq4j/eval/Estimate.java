package awq4j.eval;

/**
 * A number measured on a sample.
 *
 * @param value the mean
 * @param standardError how far it would typically be off with other text of the same kind; NaN where the sample is a
 *     single window, which says nothing about that, or where there is none
 */
public record Estimate(double value, double standardError) {
    /**
     * The mean of windows. They, not tokens, are what is counted for the error: tokens of one text are not independent.
     *
     * @param windows [windows], at least one
     */
    static Estimate of(double[] windows) {
        double sum = 0;
        for (double value : windows) {
            sum += value;
        }
        double mean = sum / windows.length;
        double squares = 0;
        for (double value : windows) {
            squares += (value - mean) * (value - mean);
        }
        int n = windows.length;
        return new Estimate(mean, n < 2 ? Double.NaN : Math.sqrt(squares / (n - 1) / n));
    }

    /** A number that was counted or computed, not measured on a sample: it has no error. */
    public static Estimate exact(double value) {
        return new Estimate(value, Double.NaN);
    }

    /** In another unit. */
    public Estimate times(double factor) {
        return new Estimate(value * factor, standardError * Math.abs(factor));
    }

    /** e to the power of this, the error carried along to first order. */
    Estimate exp() {
        return new Estimate(Math.exp(value), Math.exp(value) * standardError);
    }
}
