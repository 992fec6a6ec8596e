package awq4j.quant;

import java.util.List;
import java.util.Map;

/**
 * What a search found for one block: enough to quantize it again, at any packing, without calibration.
 *
 * @param layer the block's number
 * @param scales in folding order, one for each scaled group
 * @param clips by the linear's tensor prefix: the largest magnitude each group keeps, [rows, groups]
 */
public record BlockRecipe(int layer, List<GroupScale> scales, Map<String, float[]> clips) {
    /** Copies list and map, not the arrays. */
    public BlockRecipe {
        scales = List.copyOf(scales);
        clips = Map.copyOf(clips);
    }

    /** A recipe that changes nothing, as RTN has. */
    public static BlockRecipe plain(int layer) {
        return new BlockRecipe(layer, List.of(), Map.of());
    }

    /**
     * The scale of one group.
     *
     * @param fold tensor prefix of the norm or linear that takes the inverse
     * @param linears tensor prefixes of those whose columns are multiplied
     * @param ratio the grid point that won, for the report; NaN if unknown
     * @param scale [columns], all positive
     */
    public record GroupScale(String fold, List<String> linears, double ratio, float[] scale) {
        /** Copies the list, not the array. */
        public GroupScale {
            linears = List.copyOf(linears);
        }
    }
}
