package awq4j.eval;

import awq4j.cache.SequenceCache;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import java.util.Arrays;
import java.util.List;

/** How fast a model goes on token by token, as it does when it answers. */
public final class DecodeSpeed {
    private DecodeSpeed() {}

    /**
     * Runs {@code tokens} one after the other from an empty context, once to warm up and then {@code runs} times.
     *
     * @param tokens at most the model's context; which ones hardly matters
     * @param runs at least 1
     * @param progress counts tokens of all runs, the first included
     * @return the median of the runs' tokens a second
     */
    public static double median(Transformer model, int[] tokens, int runs, Progress progress) {
        if (runs < 1 || tokens.length < 1) {
            throw new IllegalArgumentException(
                    "decode speed: at least one run of one token, was " + runs + " of " + tokens.length);
        }
        var logits = new float[model.spec().vocabulary()];
        double[] speeds = new double[runs];
        long all = (runs + 1L) * tokens.length;
        for (int run = -1; run < runs; run++) {
            long start = System.nanoTime();
            SequenceCache cache = model.newSequence(KvPrecision.F16, tokens.length);
            for (int i = 0; i < tokens.length; i++) {
                var step = StepBatch.of(new int[] {tokens[i]}, i, StepBatch.Logits.LAST);
                Buffer out = model.forward(step, List.of(cache), Taps.NONE);
                if (out != null) {
                    model.backend().read(out, logits);
                }
                progress.at((run + 1L) * tokens.length + i + 1, all, Double.NaN);
            }
            if (run >= 0) {
                speeds[run] = tokens.length * 1e9 / (System.nanoTime() - start);
            }
        }
        Arrays.sort(speeds);
        return (speeds[(runs - 1) / 2] + speeds[runs / 2]) / 2;
    }
}
