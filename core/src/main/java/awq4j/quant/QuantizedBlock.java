package awq4j.quant;

import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A block after quantization.
 *
 * @param linears quantized linears by tensor prefix, scales already among the float16 values; those that are stored in one
 *     matrix are all among them or none. Methods for studies give dense ones, which no checkpoint of codes holds
 * @param changed every other tensor that the method rewrote, by its full name and as it is stored: norm gains and biases,
 *     biases of linears, and {@code PREFIX.weight} of a matrix that was scaled but not quantized
 * @param corrections by tensor prefix of quantized linears: what is to run beside them
 * @param recipe what was found
 * @param reports one for each linear of the block, in the order in which they run
 */
public record QuantizedBlock(
        Map<String, Weight> linears,
        Map<String, float[]> changed,
        Map<String, LowRank> corrections,
        BlockRecipe recipe,
        List<LinearReport> reports) {
    /** Copies maps and list in their order, not the arrays. */
    public QuantizedBlock {
        linears = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(linears));
        corrections = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(corrections));
        changed = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(changed));
        reports = List.copyOf(reports);
    }

    /** A block whose linears need no correction. */
    public QuantizedBlock(
            Map<String, Weight> linears, Map<String, float[]> changed, BlockRecipe recipe, List<LinearReport> reports) {
        this(linears, changed, Map.of(), recipe, reports);
    }
}
