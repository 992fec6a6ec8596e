package awq4j.eval;

import awq4j.eval.Windows.Piece;

/** Rows of logits as distributions. Arithmetic on float32 logits is in double precision. */
final class Logits {
    private Logits() {}

    /** log sum exp(logits): what turns a logit into a log probability; NaN if that is none. */
    static double logSumExp(float[] logits, int offset, int count) {
        float max = logits[largest(logits, offset, count)];
        double sum = 0;
        for (int i = offset; i < offset + count; i++) {
            sum += Math.exp((double) logits[i] - max);
        }
        return max + Math.log(sum);
    }

    /**
     * The negative log likelihood of a token.
     *
     * @param logSumExp of its row
     * @param logit its own
     * @throws IllegalStateException if the row is no distribution; the message says where
     */
    static double loss(double logSumExp, float logit, Piece piece, int row) {
        if (!Double.isFinite(logSumExp)) {
            throw new IllegalStateException("the model's logits after token " + (piece.from() + row) + " of window "
                    + piece.window() + " are not finite: its weights are damaged, or its activations overflow");
        }
        return logSumExp - logit;
    }

    /** The position of the largest in the array, the first among equals. */
    static int largest(float[] logits, int offset, int count) {
        int best = offset;
        for (int i = offset + 1; i < offset + count; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        return best;
    }

    /**
     * How far two distributions over the same tokens are apart.
     *
     * @param logSumExpA of the first
     * @param logSumExpB of the second
     * @param divergence KL(A || B) in nats: what is lost, on average, by expecting B where A holds
     * @param sameLargest whether both hold the same token for the likeliest
     */
    record Comparison(double logSumExpA, double logSumExpB, double divergence, boolean sameLargest) {}

    /** Compares the rows at {@code offset}, both in one pass over them. */
    static Comparison compare(float[] a, float[] b, int offset, int count) {
        int largestA = largest(a, offset, count);
        int largestB = largest(b, offset, count);
        double sumA = 0;
        double sumB = 0;
        double weighted = 0;
        for (int i = offset; i < offset + count; i++) {
            double massA = Math.exp((double) a[i] - a[largestA]);
            sumA += massA;
            sumB += Math.exp((double) b[i] - b[largestB]);
            if (massA > 0) { // 0 log 0 = 0, also where the logit is minus infinity
                weighted += massA * ((double) a[i] - b[i]);
            }
        }
        double logA = a[largestA] + Math.log(sumA);
        double logB = b[largestB] + Math.log(sumB);
        // sum p (log p - log q) with log p = a - logA; never negative but for rounding
        double divergence = Math.max(0, weighted / sumA - (logA - logB));
        return new Comparison(logA, logB, divergence, largestA == largestB);
    }
}
