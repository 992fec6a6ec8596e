package awq4j;

import awq4j.quant.AdaptiveModel.Change;
import java.time.Duration;
import java.util.List;

/**
 * What a model that adapts did between a prompt and its reply.
 *
 * @param changes inputs of linears that had moved, and for which scales and clips were searched again
 * @param inputs how many the model has
 * @param time it took; the prompt then runs again, which is not part of it
 */
public record Adaptation(List<Change> changes, int inputs, Duration time) {
    /** Copies the list. */
    public Adaptation {
        changes = List.copyOf(changes);
    }
}
