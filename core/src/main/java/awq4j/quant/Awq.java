package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ParameterCount;
import awq4j.model.ScaleGroup;
import awq4j.tensor.DType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Activation-aware weight quantization (Lin et al., 2023): scales input channels before rounding so that the weights that
 * matter most lose least, then gives up extremes of groups where that pays, then rounds to nearest.
 *
 * <p>A block goes through four steps, all from full-precision inputs: search one scale for each of its groups
 * ({@link awq4j.model.ScaleGroup}), fold the scales in, search clips on what results, round.
 */
public final class Awq implements QuantMethod {
    /** Share of the search tokens that a scale on trial sees before it is given up, on average. */
    private static final double TRIED = 0.5;

    /** Rows on which it is decided, on average, which scale has the least sum of losses. */
    private static final double RACED = 3.0 * RowRace.FIRST;

    private final BlockRunner runner;
    private final Settings settings;
    private final boolean asReference;
    private final boolean scales;

    /**
     * What a user may choose.
     *
     * @param scaling how channels are scaled
     * @param clip whether groups are clipped
     * @param searchTokens about how many calibration tokens losses are measured on, in whole sequences spread over the
     *     set; means of activations and clips see all. Time grows with it
     * @param expertTokens least calibration tokens that an expert must have seen to be searched; with fewer its linears are
     *     rounded plainly, scaled only as their block's norm asks
     * @param everyExpert whether experts see all calibration tokens, not only those that are sent to them. Then each is
     *     searched, by inputs that it seldom has; memory and time grow with the number of experts
     * @param objective what scales are searched for; with {@link Objective#GRAM} all tokens count, for clips as well
     */
    public record Settings(
            Scaling scaling,
            boolean clip,
            int searchTokens,
            int expertTokens,
            boolean everyExpert,
            Objective objective) {
        /** Least tokens of an expert unless something else is said. */
        public static final int DEFAULT_EXPERT_TOKENS = 64;

        /** What we measured to be best, see docs/results/awq-defaults.md. */
        public static final Settings DEFAULT = new Settings(Scaling.DUO, true, 1024);

        /** @throws IllegalArgumentException if {@code searchTokens} or {@code expertTokens} is not positive */
        public Settings {
            if (searchTokens < 1) {
                throw new IllegalArgumentException("searchTokens must be positive, was " + searchTokens);
            }
            if (expertTokens < 1) {
                throw new IllegalArgumentException("expertTokens must be positive, was " + expertTokens);
            }
        }

        /** Experts see what is sent to them, {@value #DEFAULT_EXPERT_TOKENS} tokens at least if they are to be searched. */
        public Settings(Scaling scaling, boolean clip, int searchTokens) {
            this(scaling, clip, searchTokens, DEFAULT_EXPERT_TOKENS, false);
        }

        /** As the references search. */
        public Settings(Scaling scaling, boolean clip, int searchTokens, int expertTokens, boolean everyExpert) {
            this(scaling, clip, searchTokens, expertTokens, everyExpert, Objective.MODULE);
        }

        /** With experts that see all tokens. */
        public Settings seeingEveryExpert() {
            return new Settings(scaling, clip, searchTokens, expertTokens, true, objective);
        }

        /** With another objective. */
        public Settings searching(Objective other) {
            return new Settings(scaling, clip, searchTokens, expertTokens, everyExpert, other);
        }
    }

    /** AWQ for checkpoints: scales of groups are among the float16 values, plain rounding is always among the candidates. */
    public Awq(BlockRunner runner, Settings settings) {
        this(runner, settings, false, true);
    }

    private Awq(BlockRunner runner, Settings settings, boolean asReference, boolean scales) {
        this.runner = runner;
        this.settings = settings;
        this.asReference = asReference;
        this.scales = scales;
    }

    /** The second half of AWQ alone: clips, and no scales. For comparisons, that show what each half is good for. */
    public static Awq withoutScales(BlockRunner runner, Settings settings) {
        return new Awq(runner, settings, false, false);
    }

    /** AWQ as llm-awq and AutoAWQ do it, for comparisons: scales of groups in float32, their grid of ratios and no more. */
    static Awq asReference(BlockRunner runner, Settings settings) {
        return new Awq(runner, settings, true, true);
    }

    @Override
    public String name() {
        return "awq";
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    @Override
    public boolean everyExpert() {
        return settings.everyExpert();
    }

    @Override
    public boolean statisticsSuffice() {
        return settings.objective() == Objective.GRAM;
    }

    /**
     * Every ratio of the grid rounds the group's linears and runs what the group looks at, or multiplies some rows of them
     * with the inputs' Gram matrix; every clip rounds once more, and its error is a product with the Gram matrix of a
     * group's inputs.
     */
    @Override
    public Effort effort(BlockSpec spec, long tokens) {
        long searched = Math.min(tokens, settings.searchTokens());
        double weights = ParameterCount.of(spec);
        double products = 0;
        double roundings = weights; // the last, that counts
        for (ScaleGroup group : scales ? spec.scaleGroups() : List.<ScaleGroup>of()) {
            double own = group.linears().stream().mapToLong(ParameterCount::of).sum();
            // a linear's own error may go over columns instead of tokens; a module's is given up when it cannot win
            int columns = group.linears().getFirst().columns();
            if (statisticsSuffice()) { // half of a symmetric matrix
                double tried = ScaleSearch.STEPS * Math.min(own, RACED * columns);
                products += 0.5 * columns * ((double) tokens * columns + tried + 2 * own);
                roundings += tried;
                continue;
            }
            products += ScaleSearch.STEPS
                    * (group.inspect() == ScaleGroup.Inspect.LINEARS
                            ? own * Math.min(columns, searched)
                            : (weights - ParameterCount.idle(spec)) / 2 * searched * TRIED);
            roundings += ScaleSearch.STEPS * own;
        }
        if (settings.clip()) {
            for (Linear linear : spec.linears()) {
                if (ClipSearch.wanted(spec, linear)) {
                    double own = ParameterCount.of(linear);
                    products += ClipSearch.STEPS * own * 128;
                    roundings += ClipSearch.STEPS * own;
                }
            }
        }
        return new Effort(products, roundings);
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        return search(spec, weights, capture, scheme).run();
    }

    /**
     * What the search of scales saw of one group.
     *
     * @param fold tensor prefix of what takes the inverse
     * @param linears tensor prefixes of those that are scaled
     * @param losses mean squared change of the output that the group looks at, by ratio: entry i is that of
     *     i / {@value ScaleSearch#STEPS}
     */
    public record GroupLosses(String fold, List<String> linears, double[] losses) {
        /** Copies the list, not the array. */
        public GroupLosses {
            linears = List.copyOf(linears);
        }

        /** The ratio of an entry. */
        public double ratio(int entry) {
            return entry / (double) ScaleSearch.STEPS;
        }
    }

    /**
     * The losses of all ratios for the groups of a block, in the order of its groups; those that cannot be scaled left out.
     * {@link #quantize} looks at the same and gives up early on what cannot win.
     *
     * @param weights not changed
     */
    public List<GroupLosses> losses(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        Finite.require(weights);
        var quantizer = Quantizer.forCheckpoints(scheme);
        return block(spec, weights, capture, quantizer, new ScaleSearch(quantizer, settings.scaling(), true))
                .losses();
    }

    /** The search of one block, for a look at its parts. */
    AwqBlock search(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        Finite.require(weights);
        var quantizer = asReference ? new Quantizer(scheme, DType.F32, DType.F32) : Quantizer.forCheckpoints(scheme);
        var scaleSearch =
                scales ? new ScaleSearch(quantizer, settings.scaling(), asReference, statisticsSuffice()) : null;
        return block(spec, weights, capture, quantizer, scaleSearch);
    }

    private AwqBlock block(
            BlockSpec spec,
            BlockWeights weights,
            BlockCapture capture,
            Quantizer quantizer,
            @Nullable ScaleSearch scaleSearch) {
        return new AwqBlock(
                runner,
                spec,
                weights,
                TokenSubset.of(capture, settings.searchTokens()),
                quantizer,
                scaleSearch,
                settings);
    }
}
