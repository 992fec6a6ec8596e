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

    /** The row that others are compared with; made once for all of them, and for every row again. */
    static final class Reference {
        private final double[] masses;
        private float[] logits = {};
        private int offset;
        private int largest;
        private double mass;
        private double logSumExp;

        /** @param count of logits in a row */
        Reference(int count) {
            masses = new double[count];
        }

        /** Takes the row at {@code offset}, which stays as it is while others are compared with it. */
        void take(float[] row, int at) {
            logits = row;
            offset = at;
            largest = largest(row, at, masses.length) - at;
            mass = 0;
            for (int i = 0; i < masses.length; i++) {
                masses[i] = Math.exp((double) row[at + i] - row[at + largest]);
                mass += masses[i];
            }
            logSumExp = row[at + largest] + Math.log(mass);
        }

        double logSumExp() {
            return logSumExp;
        }

        /** Compares with another row at the same offset. */
        Comparison with(float[] other) {
            int count = masses.length;
            int otherLargest = largest(other, offset, count);
            double otherMass = 0;
            double weighted = 0;
            for (int i = 0; i < count; i++) {
                otherMass += Math.exp((double) other[offset + i] - other[otherLargest]);
                if (masses[i] > 0) { // 0 log 0 = 0, also where the logit is minus infinity
                    weighted += masses[i] * ((double) logits[offset + i] - other[offset + i]);
                }
            }
            double otherLogSumExp = other[otherLargest] + Math.log(otherMass);
            // sum p (log p - log q) with log p = logit - logSumExp; never negative but for rounding
            double divergence = Math.max(0, weighted / mass - (logSumExp - otherLogSumExp));
            return new Comparison(otherLogSumExp, divergence, otherLargest == offset + largest);
        }
    }

    /**
     * How far a distribution is from the reference.
     *
     * @param logSumExp of its logits
     * @param divergence KL(reference || it) in nats: what is lost, on average, by expecting it where the reference holds
     * @param sameLargest whether both hold the same token for the likeliest
     */
    record Comparison(double logSumExp, double divergence, boolean sameLargest) {}
}
