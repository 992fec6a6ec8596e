package awq4j.quant;

import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Sets weights of a matrix to zero, column by column, and lets the columns that are still to come make up for each error
 * (Frantar and Alistarh, SparseGPT, 2023, algorithm 1); with a quantizer it rounds those that stay on the way (section
 * 3.5), so that they make up for both.
 *
 * <p>A weight w of column i costs {@code w^2 / U_ii^2}. By share, the cheapest of a batch of {@value #BATCH} columns go,
 * over all rows together; by pattern, the cheapest of a row's run, when its first column is reached. Exactly as many go as
 * are asked for, where the reference takes one more in each batch.
 *
 * <p>A group's scale and zero are found when its first column is reached, on all of its weights as corrected so far:
 * zero is a code of every group, so what goes stays zero. In float32 as the reference. The result does not depend on how
 * many threads there are.
 */
final class SparseSolver {
    private static final int BATCH = 128;
    private static final int ROWS = 16;
    private static final int WIDTH = 512;

    private final GptqFactor factor;
    private final Sparsity sparsity;
    private final @Nullable Quantizer quantizer;
    private final int columns;

    /**
     * A solver for all linears that share an input.
     *
     * @param factor with columns in the order in which they stand
     * @param quantizer null to round nothing
     */
    SparseSolver(GptqFactor factor, Sparsity sparsity, @Nullable Quantizer quantizer) {
        this.factor = factor;
        this.sparsity = sparsity;
        this.quantizer = quantizer;
        this.columns = factor.columns();
        for (int i = 0; i < columns; i++) {
            if (factor.order()[i] != i) {
                throw new IllegalArgumentException("patterns and groups take columns in the order in which they stand");
            }
        }
    }

    /**
     * Solves.
     *
     * @param values [rows, columns], all finite; become the sparse matrix, rounded if there is a quantizer
     * @return the codes; null without a quantizer
     */
    @Nullable
    Weight solve(String name, int rows, float[] values) {
        var codes = quantizer == null ? null : new Codes(quantizer, rows, columns);
        var state = new State(values, new boolean[values.length], codes);
        int chunks = (rows + ROWS - 1) / ROWS;
        each(chunks, chunk -> clearDead(values, chunk * ROWS, Math.min(rows, (chunk + 1) * ROWS)));
        for (int from = 0; from < columns; ) {
            int to = batchEnd(from);
            if (sparsity instanceof Sparsity.Share share) {
                markBatch(share, rows, from, to, state);
            }
            int first = from;
            each(chunks, chunk -> rows(chunk * ROWS, Math.min(rows, (chunk + 1) * ROWS), first, to, state));
            from = to;
        }
        return codes == null ? null : codes.weight(name);
    }

    private record State(
            float[] w, boolean[] gone, @Nullable Codes codes) {}

    private static void each(int count, java.util.function.IntConsumer task) {
        IntStream.range(0, count).parallel().forEach(task);
    }

    private void clearDead(float[] w, int first, int end) {
        for (int row = first; row < end; row++) {
            for (int c = 0; c < columns; c++) {
                if (factor.dead()[c]) {
                    w[row * columns + c] = 0;
                }
            }
        }
    }

    /** A batch ends before a group or a run that begins in it but does not end in it, if it can. */
    private int batchEnd(int from) {
        int to = Math.min(columns, from + BATCH);
        int step = 1;
        if (quantizer != null) {
            step = quantizer.scheme().groupSizeFor(columns);
        } else if (sparsity instanceof Sparsity.Pattern pattern) {
            step = pattern.run();
        }
        int begin = to / step * step;
        return to == columns || begin <= from ? to : begin;
    }

    /** The cheapest of all rows' weights in the columns [from, to). */
    private void markBatch(Sparsity.Share share, int rows, int from, int to, State state) {
        int width = to - from;
        float[] scores = new float[Math.multiplyExact(rows, width)];
        each(rows, row -> {
            for (int i = from; i < to; i++) {
                scores[row * width + i - from] = score(state.w[row * columns + i], i);
            }
        });
        boolean[] marked = new boolean[scores.length];
        Sparsity.markLeast(scores, 0, scores.length, share.of(scores.length), marked, 0);
        each(rows, row -> System.arraycopy(marked, row * width, state.gone, row * columns + from, width));
    }

    private float score(float w, int column) {
        float pivot = factor.upper()[column * columns + column];
        return w * w / (pivot * pivot);
    }

    private void rows(int first, int end, int from, int to, State state) {
        float[] errors = new float[(end - first) * (to - from)];
        for (int row = first; row < end; row++) {
            batch(row, from, to, state, errors, (row - first) * (to - from));
        }
        for (int column = to; column < columns; column += WIDTH) {
            int stop = Math.min(columns, column + WIDTH);
            for (int row = first; row < end; row++) {
                for (int p = from; p < to; p++) {
                    float error = errors[(row - first) * (to - from) + p - from];
                    subtract(state.w, row * columns, error, p * columns, column, stop);
                }
            }
        }
    }

    private void batch(int row, int from, int to, State state, float[] errors, int errorsAt) {
        float[] w = state.w;
        int at = row * columns;
        for (int i = from; i < to; i++) {
            if (sparsity instanceof Sparsity.Pattern pattern && i % pattern.run() == 0) {
                int width = Math.min(pattern.run(), columns - i);
                float[] scores = new float[width];
                for (int c = 0; c < width; c++) {
                    scores[c] = score(w[at + i + c], i + c);
                }
                Sparsity.markLeast(scores, 0, width, pattern.of(width), state.gone, at + i);
            }
            float kept = state.gone[at + i] ? 0 : w[at + i];
            if (state.codes != null) {
                kept = state.codes.round(row, i, w, kept);
            }
            float error = (w[at + i] - kept) / factor.upper()[i * columns + i];
            errors[errorsAt + i - from] = error;
            w[at + i] = kept;
            subtract(w, at, error, i * columns, i + 1, to);
        }
    }

    /** {@code w[at + c] -= error * upper[row + c]} for c in [from, to). */
    private void subtract(float[] w, int at, float error, int row, int from, int to) {
        if (error == 0) {
            return;
        }
        float[] upper = factor.upper();
        for (int c = from; c < to; c++) {
            w[at + c] -= error * upper[row + c];
        }
    }

    /** The codes of a matrix as they come to be. */
    private static final class Codes {
        private final Quantizer quantizer;
        private final int rows;
        private final int columns;
        private final Grouped layout;
        private final byte[] codes;
        private final float[] scales;
        private final byte[] zeros;

        Codes(Quantizer quantizer, int rows, int columns) {
            this.quantizer = quantizer;
            this.rows = rows;
            this.columns = columns;
            layout = quantizer.scheme().layout(columns);
            codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
            scales = new float[rows * layout.groups(columns)];
            zeros = new byte[scales.length];
        }

        /** The value that a weight becomes; the first of a group finds the group's scale and zero. */
        float round(int row, int column, float[] w, float value) {
            int group = row * layout.groups(columns) + column / layout.groupSize();
            if (column % layout.groupSize() == 0) {
                int end = Math.min(columns, column + layout.groupSize());
                Quantizer.Grid found = quantizer.grid(w, row * columns + column, row * columns + end);
                scales[group] = found.scale();
                zeros[group] = (byte) (int) found.zero();
            }
            var grid = new Quantizer.Grid(scales[group], zeros[group] & 0xff);
            int code = quantizer.code(value, grid);
            Quantizer.put(codes, layout, row * layout.rowBytes(columns), column, code);
            return (code - grid.zero()) * grid.scale();
        }

        Weight weight(String name) {
            return new Weight(
                    name,
                    rows,
                    columns,
                    layout,
                    MemorySegment.ofArray(codes),
                    MemorySegment.ofArray(scales),
                    layout.zeroPoint() == ZeroPoint.INTEGER ? MemorySegment.ofArray(zeros) : null);
        }
    }
}
