package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ParameterCount;
import awq4j.quant.QuantScheme.Range;
import java.util.HashSet;
import org.jspecify.annotations.Nullable;

/**
 * GPTQ (Frantar et al., 2022): rounds a linear column by column, and columns that are still to come make up for the errors
 * of those that are done, as the inputs' Gram matrix says. Each block sees what the quantized blocks before it put out.
 *
 * <p>It may follow {@link Awq}: scales that AWQ finds are folded in, weights clipped, and GPTQ rounds what results.
 */
public final class Gptq implements QuantMethod {
    private final BlockRunner runner;
    private final Settings settings;
    private final @Nullable QuantMethod before;
    private final boolean asReference;

    /**
     * What a user may choose.
     *
     * @param damping share of the mean of the Gram matrix' diagonal that is added to the diagonal, in [0, 1]; raised by
     *     itself where it does not suffice
     * @param actOrder whether columns are rounded in the order of descending activations
     * @param staticGroups whether scales and zeros are found before anything is rounded. With act-order and without this,
     *     groups are columns from all over the row, and the weights have an order of their own
     * @param trueSequential whether a linear sees what the quantized linears before it in its block put out; else what the
     *     original ones do
     * @param expertTokens least calibration tokens that an expert must have seen; with fewer it is rounded plainly
     */
    public record Settings(
            double damping, boolean actOrder, boolean staticGroups, boolean trueSequential, int expertTokens) {
        /** As the reference implementations have it. */
        public static final Settings DEFAULT = new Settings(0.01, false, false, Awq.Settings.DEFAULT_EXPERT_TOKENS);

        /** @throws IllegalArgumentException if {@code damping} is out of range, or {@code expertTokens} not positive */
        public Settings {
            if (!(damping >= 0 && damping <= 1)) {
                throw new IllegalArgumentException("damping must be in [0, 1], was " + damping);
            }
            if (expertTokens < 1) {
                throw new IllegalArgumentException("expertTokens must be positive, was " + expertTokens);
            }
        }

        /** All linears of a block see what the original block shows them. */
        public Settings(double damping, boolean actOrder, boolean staticGroups, int expertTokens) {
            this(damping, actOrder, staticGroups, false, expertTokens);
        }

        /** With linears that see what the quantized ones before them put out. */
        public Settings sequential() {
            return new Settings(damping, actOrder, staticGroups, true, expertTokens);
        }
    }

    /** GPTQ for checkpoints: scales of groups are among the float16 values. */
    public Gptq(BlockRunner runner, Settings settings) {
        this(runner, settings, null, false);
    }

    private Gptq(BlockRunner runner, Settings settings, @Nullable QuantMethod before, boolean asReference) {
        this.runner = runner;
        this.settings = settings;
        this.before = before;
        this.asReference = asReference;
    }

    /** GPTQ on the weights that another method scaled and clipped: of its result only the recipe is used. */
    public static Gptq after(QuantMethod before, BlockRunner runner, Settings settings) {
        return new Gptq(runner, settings, before, false);
    }

    /** GPTQ as the reference does it, for comparisons: its grids in float32, small groups without their batch's corrections. */
    static Gptq asReference(BlockRunner runner, Settings settings, @Nullable QuantMethod before) {
        return new Gptq(runner, settings, before, true);
    }

    @Override
    public String name() {
        return before == null ? "gptq" : before.name() + "+gptq";
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    @Override
    public boolean everyExpert() {
        return before != null && before.everyExpert();
    }

    @Override
    public boolean seesQuantized() {
        return true;
    }

    @Override
    public boolean statisticsSuffice() {
        return before == null || before.statisticsSuffice();
    }

    @Override
    public boolean recipeSuffices() {
        return false;
    }

    /**
     * The Gram matrix and its factor once for each input, corrections and two losses for each linear; the quantized block
     * runs again, and once more for each step within the block if linears are to see the quantized ones before them.
     */
    @Override
    public Effort effort(BlockSpec spec, long tokens) {
        double weights = ParameterCount.of(spec);
        double products = weights * tokens * (settings.trueSequential() ? 4 : 1) + solving(spec, tokens, 2.5);
        var own = new Effort(products, 2 * weights);
        return before == null ? own : own.plus(before.effort(spec, tokens));
    }

    /**
     * Multiply-adds of the Gram matrices and factors of a block's inputs, and of the corrections.
     *
     * @param each for each weight, times the columns of its linear
     */
    static double solving(BlockSpec spec, long tokens, double each) {
        double products = 0;
        var inputs = new HashSet<Linear>();
        for (Linear linear : spec.linears()) {
            double n = linear.columns();
            products += each * ParameterCount.of(linear) * n;
            if (inputs.add(spec.source(linear))) {
                products += tokens * n * n + n * n * n;
            }
        }
        return products;
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        Finite.require(weights);
        BlockRecipe recipe = before == null
                ? BlockRecipe.plain(spec.index())
                : before.quantize(spec, weights.copy(), capture, forSearch(scheme))
                        .recipe();
        var quantizer = asReference ? Quantizer.asGptq(scheme) : Quantizer.forCheckpoints(scheme);
        return new GptqBlock(runner, spec, weights, capture, quantizer, settings, asReference, everyExpert())
                .run(recipe);
    }

    /** A search of scales rounds a block many times: too often to search every group's range each time. */
    private static QuantScheme forSearch(QuantScheme scheme) {
        return scheme.range() == Range.LEAST_ERROR ? scheme.withRange(Range.INCLUDE_ZERO) : scheme;
    }
}
