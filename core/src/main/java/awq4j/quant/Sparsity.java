package awq4j.quant;

import java.util.Arrays;

/** How many weights of a matrix become zero, and where they may lie. */
public sealed interface Sparsity {
    /**
     * A share of the weights, wherever they lie.
     *
     * @param share of the weights, in [0, 1]; rounded down to whole weights
     */
    record Share(double share) implements Sparsity {
        /** Shares are decimal fractions: 0.29 of 100 weights are 29, although the product is below that. */
        private static final double ROUNDING = 1e-9;

        /** @throws IllegalArgumentException if {@code share} is out of range */
        public Share {
            if (!(share >= 0 && share <= 1)) {
                throw new IllegalArgumentException("share of weights must be in [0, 1], was " + share);
            }
        }

        int of(int weights) {
            return (int) Math.floor(share * weights + ROUNDING);
        }

        @Override
        public String label() {
            return Math.round(share * 1000) / 10.0 + " %";
        }
    }

    /**
     * So many in each run of a row: 2 of 4 is what tensor cores of GPUs compute with. A run that the end of the row cuts
     * short gives up its share, rounded down.
     *
     * @param zeros in each run
     * @param run columns
     */
    record Pattern(int zeros, int run) implements Sparsity {
        /** 2:4. */
        public static final Pattern TWO_OF_FOUR = new Pattern(2, 4);

        /** @throws IllegalArgumentException unless 0 &lt;= zeros &lt;= run and run is positive */
        public Pattern {
            if (zeros < 0 || run < 1 || zeros > run) {
                throw new IllegalArgumentException(
                        "a pattern has 0 to RUN zeros in each RUN columns, was " + zeros + ":" + run);
            }
        }

        int of(int columns) {
            return (int) ((long) columns * zeros / run);
        }

        @Override
        public String label() {
            return zeros + ":" + run;
        }
    }

    /** For reports, for example {@code 50.0 %} or {@code 2:4}. */
    String label();

    /**
     * Marks the least of some weights; of equal ones the first.
     *
     * @param scores of the weights [from, from + size), not negative, not NaN
     * @param count how many
     * @param out gets true where they are, from {@code at} on; left alone elsewhere
     */
    static void markLeast(float[] scores, int from, int size, int count, boolean[] out, int at) {
        if (count == 0) {
            return;
        }
        float[] sorted = Arrays.copyOfRange(scores, from, from + size);
        Arrays.parallelSort(sorted);
        float last = sorted[count - 1];
        int equal = count;
        while (equal > 0 && sorted[equal - 1] == last) {
            equal--;
        }
        equal = count - equal; // so many of those that equal the last
        for (int i = 0; i < size; i++) {
            float score = scores[from + i];
            if (score < last || (score == last && equal-- > 0)) {
                out[at + i] = true;
            }
        }
    }
}
