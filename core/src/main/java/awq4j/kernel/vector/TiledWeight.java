package awq4j.kernel.vector;

import awq4j.kernel.CpuWeight;
import awq4j.kernel.Scratch;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A weight multiplied with many tokens by tiles: {@link Lanes#PAIR} rows by {@link MicroKernel#STRIDE} columns become
 * floats in the first-level cache, column by column, and meet all tokens of a block there.
 *
 * <p>Columns here are the kernel's own: padding may stand between groups, where activations are zero.
 */
abstract class TiledWeight implements CpuWeight {
    /** Tokens whose activations, for the columns of one tile, stay in the second-level cache: 256 KiB. */
    private static final int TOKENS = 256 / MicroKernel.ROWS * MicroKernel.ROWS;

    private static final int STRIDE = MicroKernel.STRIDE;
    private static final int PAIR = Lanes.PAIR;

    private final String name;
    private final int rows;
    private final int columns;
    private final WeightLayout layout;

    TiledWeight(Weight weight) {
        this.name = weight.name();
        this.rows = weight.rows();
        this.columns = weight.columns();
        this.layout = weight.layout();
    }

    /** Columns with padding. */
    abstract int paddedColumns();

    /** Copies the activations of one token to [paddedColumns], pieces of {@code STRIDE} lying {@code distance} apart. */
    abstract void spread(float[] x, int at, float[] prepared, int to, int distance);

    /**
     * Decodes rows {@code band * PAIR} and following, columns from {@code from} to before {@code to}, as [columns, PAIR];
     * rows behind the last are anything.
     */
    abstract void decodeTile(int band, int from, int to, float[] tile, Scratch scratch);

    /** One token times the rows of a panel, {@link Lanes#PANEL} sums. */
    abstract void multiplyOne(float[] x, float[] prepared, float[] sums, int panel, Scratch scratch);

    /** Floats that one token's preparation takes, 0 for none. */
    abstract int preparedForOne();

    abstract void prepareOne(float[] x, float[] prepared);

    @Override
    public final String name() {
        return name;
    }

    @Override
    public final int rows() {
        return rows;
    }

    @Override
    public final int columns() {
        return columns;
    }

    @Override
    public final WeightLayout layout() {
        return layout;
    }

    @Override
    public final int rowStep() {
        return Lanes.PANEL;
    }

    @Override
    public final int preparedSize(int n) {
        if (n == 1) {
            return preparedForOne();
        }
        return Math.multiplyExact(pieces() * STRIDE, padded(n));
    }

    @Override
    public final void prepare(float[] x, int n, int from, int to, float[] prepared) {
        if (n == 1) {
            prepareOne(x, prepared);
            return;
        }
        for (int t = from; t < to; t++) {
            spread(x, t * columns, prepared, t * STRIDE, padded(n) * STRIDE);
        }
    }

    @Override
    public final void multiply(
            float[] x,
            float[] prepared,
            int n,
            float @Nullable [] bias,
            float[] out,
            int rowFrom,
            int rowTo,
            Scratch scratch) {
        if (n > 1) {
            for (int first = 0; first < n; first += TOKENS) {
                multiplyMany(prepared, n, first, Math.min(TOKENS, n - first), bias, out, rowFrom, rowTo, scratch);
            }
            return;
        }
        float[] sums = scratch.floats(0, Lanes.PANEL);
        for (int row = rowFrom; row < rowTo; row += Lanes.PANEL) {
            multiplyOne(x, prepared, sums, row / Lanes.PANEL, scratch);
            deliver(sums, 0, bias, out, row, Math.min(Lanes.PANEL, rowTo - row), row);
        }
    }

    private void multiplyMany(
            float[] prepared,
            int n,
            int first,
            int tokens,
            float @Nullable [] bias,
            float[] out,
            int rowFrom,
            int rowTo,
            Scratch scratch) {
        int bands = (rowTo - rowFrom + PAIR - 1) / PAIR;
        int height = padded(tokens);
        float[] sums = scratch.floats(0, bands * height * PAIR);
        float[] tile = scratch.floats(1, STRIDE * PAIR);
        Arrays.fill(sums, 0, bands * height * PAIR, 0);
        for (int piece = 0; piece < pieces(); piece++) {
            int from = piece * STRIDE;
            int to = Math.min(paddedColumns(), from + STRIDE);
            int a = (piece * padded(n) + first) * STRIDE;
            for (int band = 0; band < bands; band++) {
                decodeTile(rowFrom / PAIR + band, from, to, tile, scratch);
                MicroKernel.run(tile, 0, to - from, prepared, a, sums, band * height * PAIR, tokens);
            }
        }
        for (int t = 0; t < tokens; t++) {
            for (int band = 0; band < bands; band++) {
                int row = rowFrom + band * PAIR;
                int at = (first + t) * rows + row;
                deliver(sums, (band * height + t) * PAIR, bias, out, at, Math.min(PAIR, rowTo - row), row);
            }
        }
    }

    private static void deliver(
            float[] sums, int from, float @Nullable [] bias, float[] out, int at, int count, int row) {
        if (bias == null) {
            System.arraycopy(sums, from, out, at, count);
            return;
        }
        for (int i = 0; i < count; i++) {
            out[at + i] = sums[from + i] + bias[row + i];
        }
    }

    private int pieces() {
        return (paddedColumns() + STRIDE - 1) / STRIDE;
    }

    private static int padded(int tokens) {
        return (tokens + MicroKernel.ROWS - 1) / MicroKernel.ROWS * MicroKernel.ROWS;
    }
}
