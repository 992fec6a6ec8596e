package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a recipe multiplies each linear's columns by, and divides its rows by: with it, what a scaled linear loses can be
 * told in the units of the original one.
 */
final class FoldedScales {
    private final Map<String, float[]> columns = new HashMap<>();
    private final Map<String, float[]> rows = new HashMap<>();

    private FoldedScales() {}

    /** @throws IllegalArgumentException if the recipe names a group that the block has not */
    static FoldedScales of(BlockSpec spec, BlockRecipe recipe) {
        var scales = new FoldedScales();
        for (BlockRecipe.GroupScale scale : recipe.scales()) {
            ScaleGroup group = FromRecipe.group(spec, scale);
            group.linears().forEach(linear -> scales.columns.put(linear.name(), scale.scale()));
            if (group.fold() instanceof Fold.IntoRows into) {
                scales.rows.put(into.linear().name(), Folding.ofRows(into, scale.scale()));
            }
        }
        return scales;
    }

    /** What a linear's columns are multiplied by, [columns]; null for nothing. */
    float @Nullable [] columns(Linear linear) {
        return columns.get(linear.name());
    }

    /**
     * The mean squared error of a linear's outputs over the inputs as they were before anything was scaled.
     *
     * @param change of the scaled matrix, [rows, columns]
     */
    double loss(OutputError error, Linear linear, float[] change) {
        float[] byColumn = columns.get(linear.name());
        float[] byRow = rows.get(linear.name());
        int width = linear.columns();
        return error.meanSquare(linear.rows(), (row, to, at) -> {
            for (int c = 0; c < width; c++) {
                float left = change[row * width + c];
                left = byColumn == null ? left : left / byColumn[c];
                to[at + c] = byRow == null || byRow[row] == 0 ? left : left * byRow[row]; // 0: feeds no column
            }
        });
    }
}
