package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.tensor.DType;

/**
 * Activation-aware weight quantization (Lin et al., 2023): scales input channels before rounding so that the weights that
 * matter most lose least, then gives up extremes of groups where that pays, then rounds to nearest.
 *
 * <p>A block goes through four steps, all from full-precision inputs: search one scale for each of its groups
 * ({@link awq4j.model.ScaleGroup}), fold the scales in, search clips on what results, round.
 */
public final class Awq implements QuantMethod {
    private final BlockRunner runner;
    private final Settings settings;
    private final DType scales;
    private final boolean identityFirst;

    /**
     * What a user may choose.
     *
     * @param scaling how channels are scaled
     * @param clip whether groups are clipped
     * @param searchTokens about how many calibration tokens losses are measured on, in whole sequences spread over the
     *     set; means of activations and clips see all. Time grows with it
     */
    public record Settings(Scaling scaling, boolean clip, int searchTokens) {
        /** What we measured to be best, see docs/results/awq-defaults.md. */
        public static final Settings DEFAULT = new Settings(Scaling.PLAIN, true, 4096);

        /** @throws IllegalArgumentException if {@code searchTokens} is not positive */
        public Settings {
            if (searchTokens < 1) {
                throw new IllegalArgumentException("searchTokens must be positive, was " + searchTokens);
            }
        }
    }

    /** AWQ for checkpoints: scales of groups are among the float16 values, plain rounding is always among the candidates. */
    public Awq(BlockRunner runner, Settings settings) {
        this(runner, settings, DType.F16, true);
    }

    /**
     * AWQ as a reference does it, for comparisons.
     *
     * @param scales what scales of groups are rounded to; F32 for not at all
     * @param identityFirst whether plain rounding is tried before all ratios
     */
    Awq(BlockRunner runner, Settings settings, DType scales, boolean identityFirst) {
        this.runner = runner;
        this.settings = settings;
        this.scales = scales;
        this.identityFirst = identityFirst;
    }

    @Override
    public String name() {
        return "awq";
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        return search(spec, weights, capture, scheme).run();
    }

    /** The search of one block, for a look at its parts. */
    AwqBlock search(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        Finite.require(weights);
        var quantizer = new Quantizer(scheme, DType.F32, scales);
        var scaleSearch = new ScaleSearch(quantizer, settings.scaling(), identityFirst);
        return new AwqBlock(
                runner,
                spec,
                weights,
                TokenSubset.of(capture, settings.searchTokens()),
                quantizer,
                scaleSearch,
                settings.clip());
    }
}
