package awq4j.model;

/** How rotary frequencies are changed for contexts longer than the trained one. */
public sealed interface RopeScaling {
    /** Unchanged. */
    record Default() implements RopeScaling {}

    /** All frequencies divided by {@code factor}. */
    record LinearInterpolation(double factor) implements RopeScaling {}

    /** Dynamic NTK: the base grows with the sequence beyond {@code maxPositions}. */
    record DynamicNtk(double factor, int maxPositions) implements RopeScaling {}

    /** Llama 3.1: long wavelengths divided by {@code factor}, short ones kept, a ramp between. */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalPositions)
            implements RopeScaling {}

    /**
     * YaRN: interpolated and extrapolated frequencies mixed by a ramp over dimensions.
     *
     * @param attentionFactor factor on cosine and sine
     */
    record Yarn(double factor, double betaFast, double betaSlow, int originalPositions, double attentionFactor)
            implements RopeScaling {}
}
