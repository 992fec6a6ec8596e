package awq4j;

import awq4j.format.Checkpoint;
import awq4j.format.UnsupportedModelException;
import awq4j.model.Parameters;
import awq4j.model.Transformer;
import awq4j.quant.AdaptiveModel;
import awq4j.quant.AdaptiveModel.Change;
import awq4j.quant.calibration.Calibration;
import awq4j.tokenizer.Tokenizer;
import java.time.Duration;
import java.util.List;

/** Adapts a model between a prompt and its reply. */
final class Adapting {
    private static final long SEED = 42;

    private final AdaptiveModel model;
    private final AdaptiveOptions options;
    private final int inputs;

    private Adapting(AdaptiveModel model, AdaptiveOptions options) {
        this.model = model;
        this.options = options;
        this.inputs = model.drifts().size();
    }

    /** @throws UnsupportedModelException if the checkpoint is quantized already */
    static void require16Bits(Checkpoint checkpoint) {
        if (checkpoint.quantization().isPresent()) {
            throw new UnsupportedModelException(checkpoint.path()
                    + " is quantized already; adapting derives scales from the original, so give the model in float16,"
                    + " bfloat16 or float32");
        }
    }

    /**
     * Quantizes a model that runs at full precision.
     *
     * @throws IllegalArgumentException if the texts do not fill a sequence, or no linear fits the groups
     */
    static Adapting start(
            Transformer transformer, Checkpoint checkpoint, Tokenizer tokenizer, int context, AdaptiveOptions options) {
        var model = new AdaptiveModel(transformer, Parameters.of(checkpoint), options.settings());
        int length = Math.min(Calibration.DEFAULT_LENGTH, context);
        model.calibrate(Calibration.of(options.texts(), tokenizer, options.samples(), length, SEED)
                .sequences());
        model.start();
        return new Adapting(model, options);
    }

    /**
     * To be called when a prompt has run.
     *
     * @param prompt tokens of it, which run again if anything changed, and then do not count twice
     * @return whether anything did
     */
    boolean after(int prompt) {
        long start = System.nanoTime();
        List<Change> changes = model.adapt();
        if (changes.isEmpty()) {
            return false;
        }
        model.ignore(prompt);
        options.watch().accept(new Adaptation(changes, inputs, Duration.ofNanos(System.nanoTime() - start)));
        return true;
    }
}
