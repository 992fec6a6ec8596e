package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Carries out recipes that were found before. With the scheme of the search the result is the search's, bit for bit.
 */
public final class FromRecipe implements QuantMethod {
    private final String name;
    private final Function<BlockSpec, BlockRecipe> recipes;

    /**
     * A method that looks its recipes up.
     *
     * @param name for reports: that of the method that found them
     * @param recipes the recipe of each block
     */
    public FromRecipe(String name, Function<BlockSpec, BlockRecipe> recipes) {
        this.name = name;
        this.recipes = recipes;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean calibrated() {
        return false;
    }

    /** @throws IllegalArgumentException also if a recipe names a group, a linear or a shape that the block has not */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        return quantize(spec, weights, Quantizer.forCheckpoints(scheme));
    }

    /**
     * Scales a block as its recipe says, and rounds nothing: what its clips are about.
     *
     * @param weights rewritten in place
     * @throws IllegalArgumentException if the recipe names a group or a shape that the block has not
     */
    public static void scale(BlockSpec spec, BlockWeights weights, BlockRecipe recipe) {
        for (BlockRecipe.GroupScale scale : recipe.scales()) {
            Folding.fold(group(spec, scale), scale.scale(), weights, new HashSet<>());
        }
    }

    QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, Quantizer quantizer) {
        return quantize(spec, weights, linear -> quantizer);
    }

    QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, Function<Linear, Quantizer> quantizers) {
        Finite.require(weights);
        BlockRecipe recipe = recipes.apply(spec);
        for (String clipped : recipe.clips().keySet()) {
            weights.values(clipped); // refuses a linear that is not there
        }
        var rounding = new BlockRounding(spec, weights, quantizers);
        for (BlockRecipe.GroupScale scale : recipe.scales()) {
            rounding.fold(group(spec, scale), scale.scale());
        }
        var reasons = new HashMap<String, @Nullable String>();
        for (Linear linear : spec.linears()) {
            reasons.put(linear.name(), rounding.round(linear, recipe.clips().get(linear.name())));
        }
        reasons.putAll(rounding.takeBack());
        var reports = new ArrayList<LinearReport>();
        for (Linear linear : spec.linears()) {
            String reason = reasons.get(linear.name());
            reports.add(new LinearReport(
                    linear.name(), rounding.rounded(linear) != null, reason, Double.NaN, Double.NaN, 0));
        }
        return rounding.finish(recipe, reports);
    }

    /** @throws IllegalArgumentException if the block has no such group, or one of another shape */
    static ScaleGroup group(BlockSpec spec, BlockRecipe.GroupScale scale) {
        for (ScaleGroup group : spec.scaleGroups()) {
            var names = group.linears().stream().map(Linear::name).toList();
            if (Folding.target(group).equals(scale.fold()) && names.equals(scale.linears())) {
                int columns = group.linears().getFirst().columns();
                if (scale.scale().length != columns) {
                    throw new IllegalArgumentException("recipe of block " + spec.index() + ": " + scale.fold() + " has "
                            + columns + " channels, its scale " + scale.scale().length);
                }
                for (float value : scale.scale()) {
                    if (!(value > 0) || Float.isInfinite(value)) {
                        throw new IllegalArgumentException("recipe of block " + spec.index() + ": " + scale.fold()
                                + " has a scale of " + value + ", expected positive numbers");
                    }
                }
                return group;
            }
        }
        throw new IllegalArgumentException("recipe of block " + spec.index() + " scales " + scale.linears() + " by "
                + scale.fold() + "; this model has no such group");
    }
}
