package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import java.util.Arrays;

/**
 * Plain rounding with the most salient input channels multiplied by one fixed factor beforehand and divided by it
 * afterwards: {@code Q(W s) / s}, the step from sparing channels to AWQ (Lin et al., 2023, section 3.2 and table 2).
 * Channels are chosen by activation, for each linear by itself.
 *
 * <p>Nothing is folded, so every linear is scaled, also where no norm and no rows could take the inverse; the linears are
 * dense float32.
 */
public final class SalientScaling implements QuantMethod {
    private final BlockRunner runner;
    private final Settings settings;

    /**
     * What is scaled.
     *
     * @param share of a linear's input channels, in [0, 1]; rounded up to whole channels
     * @param factor positive; 1 gives plain rounding
     */
    public record Settings(double share, double factor) {
        /** @throws IllegalArgumentException if {@code share} is out of range or {@code factor} not positive */
        public Settings {
            if (!(share >= 0 && share <= 1)) {
                throw new IllegalArgumentException("share of channels must be in [0, 1], was " + share);
            }
            if (!(factor > 0 && factor < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("factor must be positive, was " + factor);
            }
        }
    }

    /**
     * What scaling does to the steps of the groups that hold a scaled channel: the rows of the paper's table 2. The error
     * that rounding makes at a scaled channel is proportional to the group's step and to 1 over the factor.
     *
     * @param groups how many there are
     * @param changed of them, the number whose step is another one
     * @param steps sum over groups of the new step over the old
     */
    public record Steps(long groups, long changed, double steps) {
        /** Those of two sets of groups together. */
        public Steps plus(Steps other) {
            return new Steps(groups + other.groups, changed + other.changed, steps + other.steps);
        }

        /** The share of groups whose step changed; NaN without groups. */
        public double changedShare() {
            return changed / (double) groups;
        }

        /** The mean of the new step over the old; NaN without groups. */
        public double meanStep() {
            return steps / groups;
        }
    }

    /** With groups' scales among the float16 values, as checkpoints have them. */
    public SalientScaling(BlockRunner runner, Settings settings) {
        this.runner = runner;
        this.settings = settings;
    }

    @Override
    public String name() {
        return "rtn-scaled-by-" + settings.factor();
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        var quantizer = Quantizer.forCheckpoints(scheme);
        return new SimulatedRounding(runner.backend(), spec, weights, capture, quantizer)
                .run((linear, original, inputs, plain) -> {
                    var candidate = new ScaleSearch.Candidate(
                            quantizer, scale(linear.columns(), channels(linear, original, inputs)));
                    candidate.all(original, plain);
                    return plain;
                });
    }

    /**
     * What scaling does to the groups' steps of a block.
     *
     * @throws IllegalArgumentException if the input of a linear was not captured, or in another shape
     */
    public Steps steps(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        // in float32: what rounds a step to float16 changes it by as little as scaling may
        var quantizer = Quantizer.inFloat32(scheme);
        var sum = new Steps(0, 0, 0);
        for (Linear linear : spec.linears()) {
            if (BlockRounding.obstacle(spec, linear, scheme) == null) {
                float[] values = weights.values(linear.name());
                int[] channels = channels(linear, values, capture.input(linear.name()));
                sum = sum.plus(steps(quantizer, linear, values, channels));
            }
        }
        return sum;
    }

    private Steps steps(Quantizer quantizer, Linear linear, float[] values, int[] channels) {
        int columns = linear.columns();
        int size = quantizer.scheme().groupSizeFor(columns);
        float[] scaled = values.clone();
        Folding.multiplyColumns(scaled, scale(columns, channels));
        int[] starts =
                Arrays.stream(channels).map(c -> c / size * size).distinct().toArray();
        long changed = 0;
        double steps = 0;
        for (int from : starts) {
            int to = Math.min(columns, from + size);
            for (int row = 0; row < linear.rows(); row++) {
                int at = row * columns;
                float before = quantizer.grid(values, at + from, at + to).scale();
                float after = quantizer.grid(scaled, at + from, at + to).scale();
                changed += before == after ? 0 : 1;
                steps += (double) after / before;
            }
        }
        return new Steps((long) starts.length * linear.rows(), changed, steps);
    }

    private int[] channels(Linear linear, float[] values, float[] inputs) {
        return Salience.ACTIVATION.channels(settings.share(), linear, values, inputs, 0);
    }

    private float[] scale(int columns, int[] channels) {
        float[] scale = new float[columns];
        Arrays.fill(scale, 1);
        for (int channel : channels) {
            scale[channel] = (float) settings.factor();
        }
        return scale;
    }
}
