package awq4j.model;

import java.util.List;

/**
 * AWQ's unit of scaling (Lin et al., section 3.2): linears that share one input, and the place that takes the inverse
 * of their input scale, so that the unquantized model computes the same.
 *
 * @param linears all consumers of the input, never empty
 */
public record ScaleGroup(List<Linear> linears, Fold fold, Inspect inspect) {
    /** Copies the list. */
    public ScaleGroup {
        linears = List.copyOf(linears);
    }

    /** Where {@code 1 / scale} goes. */
    public sealed interface Fold {
        /** Into the gain (and bias) of the norm that makes the input. */
        record IntoNorm(Norm norm) implements Fold {}

        /** Into the output rows (and bias) of the linear before. */
        record IntoRows(Linear linear) implements Fold {}
    }

    /** Whose output error the search compares. */
    public enum Inspect {
        /** The single linear. */
        LINEARS,
        /** The attention module. */
        ATTENTION,
        /** The MLP. */
        MLP
    }
}
