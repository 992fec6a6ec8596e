package awq4j.model;

import java.util.List;

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
     * LongRoPE, as Phi-3 has it: each frequency divided by a factor of its own, from one list up to
     * {@code originalPositions} and from another beyond.
     *
     * @param attentionFactor factor on cosine and sine, with either list
     */
    record LongRope(List<Double> shortFactors, List<Double> longFactors, int originalPositions, double attentionFactor)
            implements RopeScaling {
        /** Copies the lists. */
        public LongRope {
            shortFactors = List.copyOf(shortFactors);
            longFactors = List.copyOf(longFactors);
        }
    }

    /**
     * YaRN: interpolated and extrapolated frequencies mixed by a ramp over dimensions.
     *
     * @param attentionFactor factor on cosine and sine
     */
    record Yarn(double factor, double betaFast, double betaSlow, int originalPositions, double attentionFactor)
            implements RopeScaling {}
}
