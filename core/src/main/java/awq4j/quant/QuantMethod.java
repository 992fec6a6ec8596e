package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.ParameterCount;

/** A way to quantize a block. Pure: no files, no clock; the same arguments give the same result. */
public interface QuantMethod {
    /** For reports, for example {@code awq}. */
    String name();

    /** Whether {@link #quantize} looks at what calibration saw; if not it may get {@link BlockCapture#NONE}. */
    boolean calibrated();

    /** Whether it wants to see each expert of a mixture with all tokens, not only with those that are sent to it. */
    default boolean everyExpert() {
        return false;
    }

    /** Whether a block's capture is to be of what the quantized blocks before it put out, not the original ones. */
    default boolean seesQuantized() {
        return false;
    }

    /**
     * Whether it is content with {@link InputStatistics} of the inputs, without the inputs themselves: then memory does not
     * grow with the calibration text but for what flows from block to block.
     */
    default boolean statisticsSuffice() {
        return false;
    }

    /** Whether a block's recipe is all that was found: with it the block can be quantized again to the same codes. */
    default boolean recipeSuffices() {
        return true;
    }

    /**
     * About what {@link #quantize} takes for a block, the capture not included; for estimates of time.
     *
     * @param tokens of the calibration
     */
    default Effort effort(BlockSpec spec, long tokens) {
        return new Effort(0, ParameterCount.of(spec)); // every weight is rounded once
    }

    /**
     * Quantizes one block.
     *
     * @param weights its numbers at full precision; rewritten in place, so that a block is held once, and spent afterwards
     * @param capture what its linears saw while it ran at full precision
     * @throws IllegalArgumentException if a weight is not finite; the message names the tensor
     */
    QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme);
}
