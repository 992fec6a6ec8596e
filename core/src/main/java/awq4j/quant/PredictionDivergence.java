package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.model.ModelSpec;
import awq4j.model.PlacedHead;
import awq4j.model.Taps;
import java.util.Arrays;
import java.util.stream.IntStream;

/** How far what hidden states predict is from what others do: the mean of KL(reference || it) over tokens, in nats. */
final class PredictionDivergence {
    /** Tokens whose logits are held at a time. */
    private static final int CHUNK = 64;

    private final Backend backend;
    private final PlacedHead head;
    private final int hidden;
    private final int vocabulary;

    PredictionDivergence(Backend backend, ModelSpec model, PlacedHead head) {
        this.backend = backend;
        this.head = head;
        this.hidden = model.hidden();
        this.vocabulary = model.vocabulary();
    }

    /**
     * Compares.
     *
     * @param reference [tokens, hidden], behind the last block
     * @param others [count, tokens, hidden]
     * @return by the number of each, [count]
     */
    double[] of(float[] reference, float[] others, int count, int tokens) {
        double[] sums = new double[count];
        for (int from = 0; from < tokens; from += CHUNK) {
            int rows = Math.min(CHUNK, tokens - from);
            float[] exact = logits(reference, from, rows);
            for (int i = 0; i < count; i++) {
                float[] changed = logits(others, i * tokens + from, rows);
                double[] parts = new double[rows];
                IntStream.range(0, rows).parallel().forEach(row -> parts[row] = divergence(exact, changed, row));
                sums[i] += Arrays.stream(parts).sum();
            }
        }
        return Arrays.stream(sums).map(sum -> sum / tokens).toArray();
    }

    private float[] logits(float[] states, int from, int rows) {
        Buffer in = backend.allocate(rows, hidden);
        Buffer out = backend.allocate(rows, vocabulary);
        backend.write(Arrays.copyOfRange(states, from * hidden, (from + rows) * hidden), in);
        head.apply(in, out, Taps.NONE);
        float[] logits = new float[rows * vocabulary];
        backend.read(out, logits);
        return logits;
    }

    /** With p and q the distributions and d the difference of logits: log(sum of p e^d) - sum of p d. */
    private double divergence(float[] exact, float[] changed, int row) {
        int from = row * vocabulary;
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = from; i < from + vocabulary; i++) {
            largest = Math.max(largest, exact[i]);
        }
        double mass = 0;
        double grown = 0;
        double shift = 0;
        for (int i = from; i < from + vocabulary; i++) {
            double p = Math.exp((double) exact[i] - largest);
            if (p > 0) { // 0 log 0 = 0, also where the logit is minus infinity
                double d = (double) changed[i] - exact[i];
                mass += p;
                grown += p * Math.expm1(d);
                shift += p * d;
            }
        }
        return Math.max(0, Math.log1p(grown / mass) - shift / mass);
    }
}
