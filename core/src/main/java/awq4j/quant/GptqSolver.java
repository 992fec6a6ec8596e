package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Rounds a matrix column by column and lets the columns that are still to come make up for each error (Frantar et al.,
 * GPTQ, 2022, algorithm 1).
 *
 * <p>For column i of a row w: q = round(w_i), e = (w_i - q) / U_ii, and w_j -= e U_ij for all j behind i. Columns behind
 * a batch of {@value #BATCH} get the errors of many at once ({@link LaterColumns}). A group's scale and zero are found when
 * its first column is reached, on the weights as corrected so far; batches end where groups begin, so that nothing is
 * missing there. (The reference leaves out a batch's own corrections in groups of fewer than 128 columns.) With static
 * groups they are found beforehand on the weights as they came. When columns go in another order and groups are not static,
 * a group is columns that are rounded one after the other, and the result stores them side by side, with the input that
 * each meets.
 *
 * <p>In float32 as the reference. Rows know nothing of each other; {@value #ROWS} at a time are worked on.
 */
final class GptqSolver {
    private static final int BATCH = 128;

    /** Enough for fast products, few enough for little memory. */
    private static final int ROWS = 1024;

    private final Quantizer quantizer;
    private final GptqFactor factor;
    private final boolean staticGroups;
    private final boolean asReference;
    private final int columns;
    private final Grouped layout;
    private final @Nullable InputOrder inputOrder;
    private final LaterColumns later;

    /**
     * A solver for all linears that share an input.
     *
     * @param backend where products are computed
     * @param staticGroups whether groups are found beforehand
     * @param asReference whether a group that begins within a batch is found without that batch's corrections
     */
    GptqSolver(Backend backend, Quantizer quantizer, GptqFactor factor, boolean staticGroups, boolean asReference) {
        this.quantizer = quantizer;
        this.factor = factor;
        this.staticGroups = staticGroups;
        this.asReference = asReference;
        this.columns = factor.columns();
        this.layout = quantizer.scheme().layout(columns);
        boolean reordered = IntStream.range(0, columns).anyMatch(i -> factor.order()[i] != i);
        this.inputOrder = reordered && !staticGroups ? InputOrder.of(factor.order()) : null;
        var starts = new ArrayList<Integer>();
        for (int from = 0; from < columns; from = batchEnd(from)) {
            starts.add(from);
        }
        this.later = new LaterColumns(backend, factor.upper(), columns, starts, staticGroups ? 1 : layout.groupSize());
    }

    /**
     * The codes of a matrix.
     *
     * @param values [rows, columns], all finite; not modified
     */
    Weight solve(String name, int rows, float[] values) {
        int groups = layout.groups(columns);
        var out = new Codes(
                new byte[Math.multiplyExact(rows, layout.rowBytes(columns))],
                new float[rows * groups],
                new byte[rows * groups]);
        for (int from = 0; from < rows; from += ROWS) {
            rows(from, Math.min(ROWS, rows - from), values, out);
        }
        return new Weight(
                name,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(out.codes),
                MemorySegment.ofArray(out.scales),
                layout.zeroPoint() == ZeroPoint.INTEGER ? MemorySegment.ofArray(out.zeros) : null,
                inputOrder);
    }

    private record Codes(byte[] codes, float[] scales, byte[] zeros) {}

    private void rows(int first, int count, float[] values, Codes out) {
        int groups = layout.groups(columns);
        int size = layout.groupSize();
        var grids = new Quantizer.Grid[count][groups];
        float[] w = new float[count * columns];
        IntStream.range(0, count).parallel().forEach(r -> {
            float[] row = new float[columns];
            for (int c = 0; c < columns; c++) {
                row[c] = factor.dead()[c] ? 0 : values[(first + r) * columns + c];
            }
            for (int g = 0; staticGroups && g < groups; g++) {
                grids[r][g] = quantizer.grid(row, g * size, Math.min(columns, (g + 1) * size));
            }
            for (int i = 0; i < columns; i++) {
                w[r * columns + i] = row[factor.order()[i]];
            }
        });
        later.run(count, w, (from, to) -> {
            float[] upper = corner(from, to);
            IntStream.range(0, count)
                    .parallel()
                    .forEach(r -> batch(from, to, first + r, r * columns, w, upper, grids[r], out));
        });
        for (int r = 0; r < count; r++) {
            for (int g = 0; g < groups; g++) {
                out.scales[(first + r) * groups + g] = grids[r][g].scale();
                out.zeros[(first + r) * groups + g] = (byte) (int) grids[r][g].zero();
            }
        }
    }

    /** U's part within a batch, its rows side by side: a column of them far apart would not stay in the cache. */
    private float[] corner(int from, int to) {
        int width = to - from;
        float[] part = new float[width * width];
        for (int i = 0; i < width; i++) {
            System.arraycopy(factor.upper(), (from + i) * columns + from, part, i * width, width);
        }
        return part;
    }

    /** A batch ends before a group that begins in it but does not end in it. */
    private int batchEnd(int from) {
        int to = Math.min(columns, from + BATCH);
        int size = layout.groupSize();
        int begin = to / size * size;
        return staticGroups || to == columns || begin <= from ? to : begin;
    }

    /**
     * A batch of one row.
     *
     * @param row of the result
     * @param at where the row begins in {@code w}; errors take the place of its values
     * @param upper U's part within the batch
     */
    private void batch(int from, int to, int row, int at, float[] w, float[] upper, Quantizer.Grid[] grids, Codes out) {
        int size = layout.groupSize();
        int width = to - from;
        int ahead = Math.min(columns, (to + size - 1) / size * size); // groups that begin here lie before
        float[] uncorrected = asReference ? Arrays.copyOfRange(w, at + from, at + ahead) : null;
        for (int i = from; i < to; i++) {
            int column = staticGroups ? factor.order()[i] : i; // as stored
            int group = column / size;
            if (!staticGroups && column % size == 0) {
                int end = Math.min(columns, i + size);
                grids[group] = uncorrected == null
                        ? quantizer.grid(w, at + i, at + end)
                        : quantizer.grid(uncorrected, i - from, end - from);
            }
            Quantizer.Grid grid = grids[group];
            int code = quantizer.code(w[at + i], grid);
            Quantizer.put(out.codes, layout, row * layout.rowBytes(columns), column, code);
            int line = (i - from) * width - from;
            float error = (w[at + i] - (code - grid.zero()) * grid.scale()) / upper[line + i];
            subtract(w, at, error, upper, line, i + 1, to);
            w[at + i] = error;
        }
    }

    /** {@code w[at + c] -= error * upper[row + c]} for c in [from, to). */
    private static void subtract(float[] w, int at, float error, float[] upper, int row, int from, int to) {
        for (int c = from; c < to; c++) {
            w[at + c] -= error * upper[row + c];
        }
    }
}
