package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * {@link InputStatistics} of what a linear is seeing, in which what came long ago fades. Tokens are counted in blocks of
 * {@value #BLOCK} or, where someone asks for the sums before, fewer: those of a block count alike, and each block that comes
 * takes {@code keep^tokens} of the weight of what was there. A single token would cost as much to add as a block. For one
 * thread at a time.
 */
final class RunningStatistics {
    /** Tokens that are counted at once. */
    static final int BLOCK = 64;

    private final InputStatistics sums;
    private final float[] waiting;
    private final int columns;
    private int count;
    private double keep = 1;
    private int every = 1;
    private long passed;
    private long ignored;

    /**
     * Nothing yet; every token counts, and nothing fades.
     *
     * @param whole whether to keep the Gram matrix, and not only its diagonal
     */
    RunningStatistics(int columns, boolean whole) {
        this.columns = columns;
        sums = new InputStatistics(columns, whole);
        waiting = new float[Math.multiplyExact(BLOCK, columns)];
    }

    /** Bytes that an object takes. */
    static long sizeBytes(int columns, boolean whole) {
        return (whole ? (long) columns * columns * Float.BYTES : 0)
                + (long) columns * (BLOCK * Float.BYTES + 2 * Double.BYTES);
    }

    /**
     * From now on what is there fades.
     *
     * @param halfLife tokens that come until what is there counts half; what is there already counts no more than if it
     *     had faded so ever since
     * @param one in how many tokens is looked at
     */
    void fade(Backend backend, double halfLife, int one) {
        flush(backend);
        every = one;
        keep = Math.pow(0.5, one / halfLife);
        double most = 1 / (1 - keep);
        if (sums.weight() > most) {
            sums.fade(most / sums.weight());
        }
    }

    /** The next tokens do not count: they were seen before. */
    void ignore(int tokens) {
        ignored += tokens;
    }

    /**
     * Sees tokens.
     *
     * @param rows [tokens, columns]
     * @param scale what the rows were divided by, [columns]; null for nothing
     */
    void see(Backend backend, Buffer rows, float @Nullable [] scale) {
        int n = rows.rows();
        int from = (int) Math.min(ignored, n);
        ignored -= from;
        // the first that counts is a multiple of `every`, whatever pieces the tokens come in
        int first = from + (int) ((every - passed % every) % every);
        passed += n - from;
        if (first >= n) {
            return;
        }
        float[] values = new float[n * columns];
        backend.read(rows, values);
        for (int row = first; row < n; row += every) {
            int to = count * columns;
            for (int c = 0; c < columns; c++) {
                float value = values[row * columns + c];
                waiting[to + c] = scale == null ? value : value * scale[c];
            }
            if (++count == BLOCK) {
                flush(backend);
            }
        }
    }

    private void flush(Backend backend) {
        if (count == 0) {
            return;
        }
        float[] block = Arrays.copyOf(waiting, count * columns);
        if (Finite.firstNotFinite(block) < 0) { // one overflow would stay in the sums for ever
            if (keep < 1) {
                sums.fade(Math.pow(keep, count));
            }
            sums.add(backend, block);
        }
        count = 0;
    }

    /** The sums, all that was seen among them; not a copy. */
    InputStatistics statistics(Backend backend) {
        flush(backend);
        return sums;
    }

    /**
     * How far two profiles of mean magnitudes are from each other, whatever their size: half the sum of the differences of
     * each channel's share, from 0 for the same shares to 1 for no channel in common.
     */
    static double drift(float[] a, float[] b) {
        double wholeA = 0;
        double wholeB = 0;
        for (int c = 0; c < a.length; c++) {
            wholeA += a[c];
            wholeB += b[c];
        }
        double sum = 0;
        for (int c = 0; c < a.length; c++) {
            sum += Math.abs(a[c] / wholeA - b[c] / wholeB);
        }
        return sum / 2;
    }
}
