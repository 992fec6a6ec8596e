package awq4j.quant;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Finds the least of several losses, each a sum over the same rows, and looks at no more rows than that takes: a race
 * (Maron and Moore, Hoeffding Races, 1993) with paired differences.
 *
 * <p>Rows come in a random order with a fixed seed, so that those seen are an unbiased sample. After {@value #FIRST} rows,
 * and whenever their number has doubled, losses are compared row by row with the least so far: d is the mean difference
 * and e its standard error, which goes to zero as all rows are seen. What lies more than {@value #ERRORS} e behind is out;
 * when nothing that is left can be better by more than {@value #WORTH} of the least loss, {@code d > 4 e - 0.01 loss},
 * the race is over. With at most {@value #FIRST} rows it is exact.
 */
final class RowRace {
    /** Rows that all losses are measured on. */
    static final int FIRST = 256;

    private static final double ERRORS = 4;
    private static final double WORTH = 0.01;
    private static final long SEED = 1;

    private final int rows;
    private final int[] order;
    private final List<double[]> seen = new ArrayList<>();
    private final boolean[] out;
    private int count;

    /** The losses of a contender on some rows. */
    @FunctionalInterface
    interface Losses {
        /**
         * Measures.
         *
         * @param contender its number
         * @param rows numbers of rows
         * @return by entry of {@code rows}; NaN if it has none
         */
        double[] of(int contender, int[] rows);
    }

    /**
     * Where a race ended.
     *
     * @param winner number of the contender with the least loss; the first of equal ones; -1 if none has a finite loss
     * @param means mean loss of each contender over the rows that it was measured on
     * @param rows that the last ones were measured on
     */
    record Result(int winner, double[] means, int rows) {}

    private RowRace(int contenders, int rows) {
        this.rows = rows;
        this.order = new int[rows];
        Arrays.setAll(order, i -> i);
        var random = new Random(SEED);
        for (int i = rows - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            int row = order[i];
            order[i] = order[other];
            order[other] = row;
        }
        for (int i = 0; i < contenders; i++) {
            seen.add(new double[0]);
        }
        this.out = new boolean[contenders];
    }

    /**
     * Runs it.
     *
     * @param contenders how many there are
     * @param rows how many there are, at least 1
     */
    static Result run(int contenders, int rows, Losses losses) {
        var race = new RowRace(contenders, rows);
        int best;
        do {
            race.look(losses, Math.min(rows, Math.max(FIRST, 2 * race.count)));
            best = race.least();
        } while (best >= 0 && race.count < rows && race.open(best));
        double[] means = new double[contenders];
        Arrays.setAll(means, race::mean);
        return new Result(best, means, race.count);
    }

    private void look(Losses losses, int until) {
        int[] next = Arrays.copyOfRange(order, count, until);
        for (int i = 0; i < out.length; i++) {
            if (!out[i]) {
                double[] more = losses.of(i, next);
                double[] all = Arrays.copyOf(seen.get(i), until);
                System.arraycopy(more, 0, all, count, more.length);
                seen.set(i, all);
            }
        }
        count = until;
    }

    private int least() {
        int best = -1;
        for (int i = 0; i < out.length; i++) {
            out[i] |= !Double.isFinite(mean(i));
            if (!out[i] && (best < 0 || mean(i) < mean(best))) {
                best = i;
            }
        }
        return best;
    }

    private double mean(int contender) {
        return Arrays.stream(seen.get(contender)).sum() / seen.get(contender).length;
    }

    /** Whether another could be better by more than it is worth; puts those out that cannot be better at all. */
    private boolean open(int best) {
        boolean open = false;
        double worth = WORTH * mean(best);
        for (int i = 0; i < out.length; i++) {
            if (i != best && !out[i]) {
                double behind = mean(i) - mean(best);
                double margin = ERRORS * standardError(seen.get(i), seen.get(best));
                out[i] = behind > margin;
                open |= margin - behind > worth;
            }
        }
        return open;
    }

    /** Of the mean difference of two samples, drawn without putting back. */
    private double standardError(double[] a, double[] b) {
        double mean = 0;
        for (int i = 0; i < count; i++) {
            mean += (a[i] - b[i]) / count;
        }
        double squares = 0;
        for (int i = 0; i < count; i++) {
            double off = a[i] - b[i] - mean;
            squares += off * off;
        }
        return Math.sqrt(squares / (count - 1.0) / count * (rows - count) / (rows - 1.0));
    }
}
