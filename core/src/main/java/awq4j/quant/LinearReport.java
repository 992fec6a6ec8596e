package awq4j.quant;

import org.jspecify.annotations.Nullable;

/**
 * How one linear fared.
 *
 * @param name tensor prefix
 * @param quantized whether it was quantized at all
 * @param reason why not, or what was handled on the way; null if there is nothing to say
 * @param lossBefore mean squared error of its output over the calibration tokens with plain rounding, NaN without calibration
 * @param lossAfter the same with what the method chose
 * @param tokens calibration tokens that it saw: all of them unless it belongs to an expert; 0 without calibration
 */
public record LinearReport(
        String name, boolean quantized, @Nullable String reason, double lossBefore, double lossAfter, int tokens) {
    /** How a reason begins that says that an expert saw too few tokens to be searched. */
    public static final String TOO_FEW = "rounded plainly: ";

    /** Whether it belongs to an expert that saw too few tokens to be searched. */
    public boolean sawTooFew() {
        return reason != null && reason.startsWith(TOO_FEW);
    }
}
