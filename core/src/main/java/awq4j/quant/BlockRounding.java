package awq4j.quant;

import awq4j.format.awq.AwqPacking;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.Norm;
import awq4j.model.ScaleGroup;
import awq4j.model.StoredMatrix;
import awq4j.weight.Weight;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A block on its way to codes: folds scales into its weights, then rounds its linears one by one. */
final class BlockRounding {
    private final BlockSpec spec;
    private final BlockWeights weights;
    private final Function<Linear, Quantizer> quantizers;
    private final Set<String> touched = new LinkedHashSet<>();
    private final Map<String, Weight> rounded = new LinkedHashMap<>();

    /** @param weights rewritten in place by {@link #fold} */
    BlockRounding(BlockSpec spec, BlockWeights weights, Quantizer quantizer) {
        this(spec, weights, linear -> quantizer);
    }

    /** @param quantizers of each linear; those that are stored in one matrix have one scheme */
    BlockRounding(BlockSpec spec, BlockWeights weights, Function<Linear, Quantizer> quantizers) {
        this.spec = spec;
        this.weights = weights;
        this.quantizers = quantizers;
    }

    /** Folds the scale of one group. */
    void fold(ScaleGroup group, float[] scale) {
        Folding.fold(group, scale, weights, touched);
    }

    /** Takes note that something else rewrote a linear's matrix. */
    void rewritten(Linear linear) {
        touched.add(linear.name() + ".weight");
    }

    /** Why a linear is not rounded: since it steers experts, or no packing holds it under the scheme; null if it is. */
    static @Nullable String obstacle(BlockSpec spec, Linear linear, QuantScheme scheme) {
        if (spec.steers(linear)) {
            return "stays unquantized: it decides which experts a token goes to, or how much one counts";
        }
        int size = scheme.groupSizeFor(linear.columns());
        Version version = scheme.version();
        int rows = linear.stored().rows();
        return AwqPacking.fits(version, rows, linear.columns(), size)
                ? null
                : "stays unquantized: " + rows + " x " + linear.columns() + " does not fit packing " + version.label()
                        + " with groups of " + size;
    }

    /**
     * Rounds one linear, or leaves it as it is where no packing holds it.
     *
     * @param clip largest magnitude that each group keeps, [rows, groups]; null to keep all
     * @return why it was left, null if it was rounded
     */
    @Nullable
    String round(Linear linear, float @Nullable [] clip) {
        Quantizer quantizer = quantizers.apply(linear);
        String obstacle = obstacle(spec, linear, quantizer.scheme());
        if (obstacle != null) {
            return obstacle;
        }
        float[] values = weights.values(linear.name());
        return keep(linear, quantizer.quantize(linear.name(), linear.rows(), linear.columns(), values, clip));
    }

    /**
     * Takes the codes that something else found for a linear, or numbers that no code stands for.
     *
     * @return why the linear is left, null if the codes are kept
     */
    @Nullable
    String keep(Linear linear, Weight weight) {
        if (weight.scales() != null) {
            for (float scale : weight.scales().toArray(ValueLayout.JAVA_FLOAT)) {
                if (!Float.isFinite(scale)) {
                    return "stays unquantized: the range of a group is beyond float16 scales";
                }
            }
        }
        rounded.put(linear.name(), weight);
        return null;
    }

    /**
     * Takes back what cannot stand alone: linears that are stored in one matrix are quantized together or not at all. To
     * be called when all have been rounded.
     *
     * @return by linear, why it was taken back
     */
    Map<String, String> takeBack() {
        var reasons = new LinkedHashMap<String, String>();
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            for (Linear left : matrix.parts()) {
                if (!rounded.containsKey(left.name())) {
                    matrix.parts().stream()
                            .filter(part -> rounded.remove(part.name()) != null)
                            .forEach(part -> reasons.put(
                                    part.name(),
                                    "stays unquantized: " + left.name() + ", which is stored with it, does"));
                }
            }
        }
        return reasons;
    }

    /** The codes of a linear, null if it was left. */
    @Nullable
    Weight rounded(Linear linear) {
        return rounded.get(linear.name());
    }

    /** What became of the block. */
    QuantizedBlock finish(BlockRecipe recipe, List<LinearReport> reports) {
        var changed = new LinkedHashMap<String, float[]>();
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            boolean left = matrix.parts().stream().noneMatch(part -> rounded.containsKey(part.name()));
            if (left && matrix.parts().stream().anyMatch(part -> touched.contains(part.name() + ".weight"))) {
                changed.put(matrix.name() + ".weight", matrix.values(part -> weights.values(part.name())));
            }
        }
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            if (matrix.parts().stream().anyMatch(part -> touched.contains(part.name() + ".bias"))) {
                changed.put(matrix.name() + ".bias", matrix.vector(weights::bias));
            }
        }
        for (Norm norm : spec.norms()) {
            for (String name : norm.tensors()) {
                if (touched.contains(name)) {
                    changed.put(name, weights.vector(name, norm.values()));
                }
            }
        }
        // AutoAWQ's readers expect the vector with every model of such a family, scaled or not
        if (spec.mlp() instanceof Mlp.Plain plain && plain.scales() != null) {
            changed.put(
                    plain.scales(),
                    weights.vector(plain.scales(), plain.output().columns()));
        }
        return new QuantizedBlock(rounded, changed, recipe, reports);
    }
}
