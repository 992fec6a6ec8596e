package awq4j.eval;

import java.util.Arrays;
import java.util.List;

/** Collects one number for each prediction, in order, as means over the windows of a text. */
final class WindowMeans {
    private final int predictions;
    private final double[] means;
    private long done;
    private double sum;

    WindowMeans(Windows text) {
        predictions = text.perWindow();
        means = new double[text.count()];
    }

    void add(double value) {
        sum += value;
        done++;
        if (done % predictions == 0) {
            means[complete() - 1] = sum / predictions;
            sum = 0;
        }
    }

    /** Predictions so far. */
    long done() {
        return done;
    }

    /** The mean over the windows that are complete; NaN before the first. */
    double soFar() {
        return Arrays.stream(means, 0, complete()).average().orElse(Double.NaN);
    }

    /** The mean of each window, [windows]. */
    List<Double> windows() {
        return Arrays.stream(means).boxed().toList();
    }

    Estimate estimate() {
        assert complete() == means.length : done + " predictions";
        return Estimate.of(means);
    }

    private int complete() {
        return (int) (done / predictions);
    }
}
