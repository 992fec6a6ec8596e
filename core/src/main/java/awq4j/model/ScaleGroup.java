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

        /**
         * Into the output rows (and bias) of the linear before. Where query heads share heads of values, a row of values
         * feeds a column of each: these columns have one scale.
         *
         * @param headDim rows a head of values; all rows where none is shared
         * @param sharing query heads that read one head of values, 1 where each has its own
         */
        record IntoRows(Linear linear, int headDim, int sharing) implements Fold {
            /** Each row feeds one column. */
            public IntoRows(Linear linear) {
                this(linear, linear.rows(), 1);
            }

            /** The row that feeds a column. */
            public int row(int column) {
                return column / (headDim * sharing) * headDim + column % headDim;
            }
        }

        /** Into a vector that activations are divided by, since no scale passes the activation backwards. */
        record AfterActivation(String scales) implements Fold {}
    }

    /** Whose output error the search compares. */
    public enum Inspect {
        /** The single linear. */
        LINEARS,
        /** The attention module. */
        ATTENTION,
        /** The MLP. */
        MLP,
        /** Attention and MLP together, where both have the same input. */
        BLOCK
    }
}
