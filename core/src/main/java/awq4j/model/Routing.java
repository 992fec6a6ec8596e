package awq4j.model;

import java.util.Arrays;

/**
 * Which tokens go to which expert, and with what weight: a list of tokens for each expert, ascending, one behind the
 * other. Reused from batch to batch.
 */
final class Routing {
    private final int experts;
    private final int chosen;
    private final int[] picked;
    private final float[] shares;
    private final int[] starts;
    private final int[] rows;
    private final float[] weights;

    /** @param tokens most that a batch may have */
    Routing(int tokens, int experts, int chosen) {
        this.experts = experts;
        this.chosen = chosen;
        int places = Math.multiplyExact(tokens, chosen);
        this.picked = new int[places];
        this.shares = new float[places];
        this.rows = new int[places];
        this.weights = new float[places];
        this.starts = new int[experts + 1];
    }

    /** Tokens of all experts: those of expert e from {@link #start} to before {@link #end}. */
    int[] rows() {
        return rows;
    }

    /** What the output of the expert counts for the token at the same place of {@link #rows}. */
    float[] weights() {
        return weights;
    }

    int start(int expert) {
        return starts[expert];
    }

    int end(int expert) {
        return starts[expert + 1];
    }

    /**
     * Chooses the experts of some tokens: the largest outputs of the router, the first of equal ones. A token with an
     * output that is NaN goes somewhere with weight NaN, so that it shows.
     *
     * @param outputs of the router, [tokens, experts]; become the softmax of each row
     */
    void choose(float[] outputs, int tokens, boolean renormalized) {
        Arrays.fill(starts, 0);
        for (int t = 0; t < tokens; t++) {
            pick(outputs, t);
            softmax(outputs, t * experts);
            float sum = 0;
            for (int i = t * chosen; i < (t + 1) * chosen; i++) {
                shares[i] = outputs[t * experts + picked[i]];
                sum += shares[i];
                starts[picked[i] + 1]++;
            }
            if (renormalized) {
                for (int i = t * chosen; i < (t + 1) * chosen; i++) {
                    shares[i] /= sum;
                }
            }
        }
        for (int e = 0; e < experts; e++) {
            starts[e + 1] += starts[e];
        }
        // each expert's end walks down to its start, from the last token on, so that its tokens come to stand ascending
        for (int i = tokens * chosen - 1; i >= 0; i--) {
            int at = --starts[picked[i] + 1];
            rows[at] = i / chosen;
            weights[at] = shares[i];
        }
        // now start e stands at e + 1
        System.arraycopy(starts, 1, starts, 0, experts);
        starts[experts] = tokens * chosen;
    }

    /** The places of the largest outputs of one token, largest first. */
    private void pick(float[] outputs, int token) {
        int from = token * chosen;
        int at = token * experts;
        int count = 0;
        for (int e = 0; e < experts; e++) {
            float output = outputs[at + e];
            if (count == chosen && !(output > outputs[at + picked[from + chosen - 1]])) {
                continue;
            }
            int place = Math.min(count, chosen - 1);
            while (place > 0 && output > outputs[at + picked[from + place - 1]]) {
                picked[from + place] = picked[from + place - 1];
                place--;
            }
            picked[from + place] = e;
            count = Math.min(count + 1, chosen);
        }
    }

    private void softmax(float[] x, int from) {
        float most = Float.NEGATIVE_INFINITY;
        for (int i = from; i < from + experts; i++) {
            most = Math.max(most, x[i]);
        }
        double sum = 0;
        for (int i = from; i < from + experts; i++) {
            x[i] = (float) Math.exp((double) x[i] - most);
            sum += x[i];
        }
        for (int i = from; i < from + experts; i++) {
            x[i] = (float) (x[i] / sum);
        }
    }
}
