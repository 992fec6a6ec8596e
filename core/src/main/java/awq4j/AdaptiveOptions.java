package awq4j;

import awq4j.quant.AdaptiveModel;
import awq4j.quant.calibration.CalibrationTexts;
import java.util.function.Consumer;

/**
 * How a model is quantized while it runs.
 *
 * @param settings codes, memory of what was seen, and what counts as a move
 * @param texts that the first scales come from
 * @param samples most of them to use
 * @param watch is told when scales were searched again, on the thread that asked for a reply
 */
public record AdaptiveOptions(
        AdaptiveModel.Settings settings, CalibrationTexts texts, int samples, Consumer<Adaptation> watch) {
    /** Texts that are used unless told otherwise: their scales are replaced if they do not fit. */
    public static final int DEFAULT_SAMPLES = 32;

    /** 4 bits, scales from the text that comes with the program, and nobody is told. */
    public static AdaptiveOptions usual() {
        return new AdaptiveOptions(
                AdaptiveModel.Settings.DEFAULT, CalibrationTexts.builtin(), DEFAULT_SAMPLES, adaptation -> {});
    }

    /** The same with other settings. */
    public AdaptiveOptions withSettings(AdaptiveModel.Settings changed) {
        return new AdaptiveOptions(changed, texts, samples, watch);
    }

    /** The same with someone who is told. */
    public AdaptiveOptions withWatch(Consumer<Adaptation> changed) {
        return new AdaptiveOptions(settings, texts, samples, changed);
    }
}
