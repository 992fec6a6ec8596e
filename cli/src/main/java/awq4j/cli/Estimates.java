package awq4j.cli;

import awq4j.eval.Estimate;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Measured numbers with their errors, in words and for machines. */
final class Estimates {
    private Estimates() {}

    /** For example {@code 48.31 ± 0.95}; the error is left out where there is none. */
    static String text(Estimate estimate, int places) {
        String value = Figures.fixed(estimate.value(), places);
        return Double.isNaN(estimate.standardError())
                ? value
                : value + " ± " + Figures.fixed(estimate.standardError(), places);
    }

    /** As many places as show an error's first two digits, but no less than {@code least} and no more than 6. */
    static int places(Estimate estimate, int least) {
        double error = estimate.standardError();
        return error > 0 ? Math.clamp(1 - (int) Math.floor(Math.log10(error)), least, 6) : least;
    }

    /** Adds {@code name} and {@code name_standard_error}; what is no number becomes null. */
    static void put(Map<String, Object> json, String name, Estimate estimate) {
        put(json, name, estimate.value());
        put(json, name + "_standard_error", estimate.standardError());
    }

    /** Adds a number; what is no number becomes null. */
    @SuppressWarnings("NullAway") // a JSON null
    static void put(Map<String, Object> json, String name, double value) {
        json.put(name, finite(value));
    }

    private static @Nullable Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }
}
