package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.tensor.FloatFormats;
import java.util.Locale;

/**
 * Plain rounding that spares a few input channels, which stay in float16: the study that AWQ grew out of (Lin et al.,
 * 2023, table 1). Groups have the scale and zero that they would have with all channels.
 *
 * <p>No checkpoint holds such a mixture, so its linears are dense float32.
 */
public final class SalientMixing implements QuantMethod {
    private final BlockRunner runner;
    private final Settings settings;
    private final boolean asReference;

    /**
     * Which channels are spared.
     *
     * @param share of a linear's input channels, in [0, 1]; rounded up to whole channels
     * @param salience by what they are chosen
     * @param seed of the choice at random; else of no effect
     */
    public record Settings(double share, Salience salience, long seed) {
        /** @throws IllegalArgumentException if {@code share} is out of range */
        public Settings {
            if (!(share >= 0 && share <= 1)) {
                throw new IllegalArgumentException("share of channels must be in [0, 1], was " + share);
            }
        }

        /** Bytes of a linear if the spared columns were stored beside the codes: float16 values, and an index of 4 bytes. */
        public long extraBytes(int rows, int columns) {
            return (long) Salience.count(share, columns) * (2L * rows + Integer.BYTES);
        }
    }

    /** With groups' scales among the float16 values, as checkpoints have them. */
    public SalientMixing(BlockRunner runner, Settings settings) {
        this(runner, settings, false);
    }

    private SalientMixing(BlockRunner runner, Settings settings, boolean asReference) {
        this.runner = runner;
        this.settings = settings;
        this.asReference = asReference;
    }

    /** With groups' scales in float32, for comparisons. */
    static SalientMixing asReference(BlockRunner runner, Settings settings) {
        return new SalientMixing(runner, settings, true);
    }

    @Override
    public String name() {
        return "rtn+float16-by-" + settings.salience().name().toLowerCase(Locale.ROOT);
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        var quantizer = asReference ? Quantizer.inFloat32(scheme) : Quantizer.forCheckpoints(scheme);
        return new SimulatedRounding(runner.backend(), spec, weights, capture, quantizer)
                .run((linear, original, inputs, plain) -> {
                    int[] kept =
                            settings.salience().channels(settings.share(), linear, original, inputs, settings.seed());
                    for (int row = 0; row < linear.rows(); row++) {
                        for (int channel : kept) {
                            int at = row * linear.columns() + channel;
                            plain[at] = FloatFormats.roundToF16(original[at]);
                        }
                    }
                    return plain;
                });
    }
}
