package awq4j.quant;

import awq4j.model.Linear;
import awq4j.model.Norm;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import java.util.Set;

/**
 * Moves a scale from a group's inputs into its weights: columns of the group's linears are multiplied, what makes the
 * input is divided, and the block computes the same (Lin et al., AWQ, section 3.2).
 */
final class Folding {
    private Folding() {}

    /** Whether the model has numbers that can take the inverse: a norm without parameters of its own has not. */
    static boolean possible(ScaleGroup group) {
        return !(group.fold() instanceof Fold.IntoNorm into
                && into.norm().tensors().isEmpty());
    }

    /** The tensor prefix of what takes the inverse. */
    static String target(ScaleGroup group) {
        return switch (group.fold()) {
            case Fold.IntoNorm into -> into.norm().name();
            case Fold.IntoRows into -> into.linear().name();
            case Fold.AfterActivation after -> after.scales();
        };
    }

    /**
     * Folds in place, in float32.
     *
     * @param scale [columns of the group's linears], positive
     * @param touched gets the names of the tensors that were rewritten
     */
    static void fold(ScaleGroup group, float[] scale, BlockWeights weights, Set<String> touched) {
        switch (group.fold()) {
            case Fold.IntoNorm into -> {
                for (String name : into.norm().tensors()) {
                    divide(weights.vector(name, scale.length), scale, added(into.norm(), name));
                    touched.add(name);
                }
            }
            case Fold.IntoRows into -> {
                float[] rows = ofRows(into, scale);
                divideRows(into.linear(), weights.values(into.linear().name()), rows);
                touched.add(into.linear().name() + ".weight");
                if (into.linear().bias()) {
                    divide(weights.bias(into.linear()), rows, 0);
                    touched.add(into.linear().name() + ".bias");
                }
            }
            case Fold.AfterActivation after -> {
                multiplyColumns(weights.vector(after.scales(), scale.length), scale);
                touched.add(after.scales());
            }
        }
        for (Linear linear : group.linears()) {
            multiplyColumns(weights.values(linear.name()), scale);
            touched.add(linear.name() + ".weight");
        }
    }

    /**
     * The scale of each row that feeds the columns.
     *
     * @throws IllegalArgumentException if columns that one row feeds have different scales
     */
    static float[] ofRows(Fold.IntoRows into, float[] scale) {
        float[] rows = new float[into.linear().rows()];
        for (int c = 0; c < scale.length; c++) {
            int row = into.row(c);
            if (rows[row] != 0 && rows[row] != scale[c]) {
                throw new IllegalArgumentException(
                        "row " + row + " of " + into.linear().name() + " feeds several columns, which have scales of "
                                + rows[row] + " and " + scale[c]);
            }
            rows[row] = scale[c];
        }
        return rows;
    }

    /** What is added to a stored vector of a norm before it is used. */
    private static float added(Norm norm, String tensor) {
        return norm instanceof Norm.Rms rms && tensor.equals(rms.name() + ".weight") ? rms.added() : 0;
    }

    /** {@code added + values} are what is divided; what is kept are values. */
    private static void divide(float[] values, float[] scale, float added) {
        for (int i = 0; i < scale.length; i++) {
            values[i] = (added + values[i]) / scale[i] - added;
        }
    }

    private static void divideRows(Linear linear, float[] values, float[] scale) {
        for (int row = 0; row < linear.rows(); row++) {
            int start = row * linear.columns();
            for (int i = start; i < start + linear.columns(); i++) {
                values[i] /= scale[row];
            }
        }
    }

    /** {@code values[r][c] *= scale[c]}; [rows, scale.length]. */
    static void multiplyColumns(float[] values, float[] scale) {
        for (int start = 0; start < values.length; start += scale.length) {
            for (int i = 0; i < scale.length; i++) {
                values[start + i] *= scale[i];
            }
        }
    }

    /** {@code values[r][c] /= scale[c]}; [rows, scale.length]. */
    static void divideColumns(float[] values, float[] scale) {
        for (int start = 0; start < values.length; start += scale.length) {
            for (int i = 0; i < scale.length; i++) {
                values[start + i] /= scale[i];
            }
        }
    }
}
