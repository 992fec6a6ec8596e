package awq4j.kernel.vector;

import awq4j.kernel.CpuWeight;
import awq4j.kernel.Prepared;
import awq4j.kernel.Scratch;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A weight multiplied with many tokens by tiles: {@link Lanes#PAIR} rows by {@link TileKernel#STRIDE} columns become
 * floats in the first-level cache, column by column, and meet all tokens of a block there.
 *
 * <p>Columns here are the kernel's own: padding may stand between groups, where activations are zero.
 */
abstract class TiledWeight implements CpuWeight {
    /** Tokens whose activations, for the columns of one tile, stay in the second-level cache: 258 KiB. */
    private static final int TOKENS = 516;

    private static final int STRIDE = TileKernel.STRIDE;
    private static final int PAIR = Lanes.PAIR;

    private final String name;
    private final int rows;
    private final int columns;
    private final WeightLayout layout;
    private final @Nullable InputOrder inputOrder;

    TiledWeight(Weight weight) {
        this(weight.name(), weight.rows(), weight.columns(), weight.layout(), weight.inputOrder());
    }

    TiledWeight(String name, int rows, int columns, WeightLayout layout, @Nullable InputOrder inputOrder) {
        this.name = name;
        this.rows = rows;
        this.columns = columns;
        this.layout = layout;
        this.inputOrder = inputOrder;
    }

    /**
     * So many tokens, at most {@link Prepared#MOST}, meet the same rows one after the other: rows that are in a near cache by
     * then take less time than a tile does, which is made for many (docs/results/cpu.md).
     */
    abstract int few();

    /** Columns with padding. */
    abstract int paddedColumns();

    /** Copies the activations of one token to [paddedColumns], pieces of {@code STRIDE} lying {@code distance} apart. */
    abstract void spread(float[] x, int at, float[] prepared, int to, int distance);

    /**
     * Decodes rows {@code band * PAIR} and following, columns from {@code from} to before {@code to}, as [columns, PAIR];
     * rows behind the last are anything.
     */
    abstract void decodeTile(int band, int from, int to, MemorySegment tile, Scratch scratch);

    /**
     * One token times some rows.
     *
     * @param at where the token's activations begin in x
     * @param sums [{@link Lanes#PANEL}]
     * @param row the first, a multiple of {@link Lanes#COUNT}
     * @param height rows, at most {@link Lanes#PANEL}
     */
    abstract void multiplyOne(float[] x, int at, Prepared prepared, float[] sums, int row, int height, Scratch scratch);

    /** Floats that one token's preparation takes, 0 for none. */
    abstract int preparedFloatsForOne();

    /** Ints that one token's preparation takes, 0 for none. */
    abstract int preparedIntsForOne();

    /** Prepares the token whose activations begin at {@code at}. */
    abstract void prepareOne(float[] x, int at, Prepared prepared);

    /** Floats that the preparation of {@code n} tokens takes, a multiple of {@link TileKernel#ROWS}. */
    int preparedFloatsForMany(int n) {
        return Math.multiplyExact(pieces() * STRIDE, n);
    }

    /** Ints that the preparation of {@code n} tokens takes. */
    int preparedIntsForMany(int n) {
        return 0;
    }

    /** Bytes that a tile takes. */
    long tileBytes() {
        return (long) STRIDE * PAIR * Float.BYTES;
    }

    /** Prepares token {@code t} of {@code n}. */
    void prepareOneOf(float[] x, int t, int n, Prepared prepared) {
        spread(x, t * columns, prepared.floats(), t * STRIDE, n * STRIDE);
    }

    /**
     * Adds the products of one tile.
     *
     * @param prepared of {@code n} tokens, as {@link #preparedFloatsForMany} counts them
     * @param first of the tokens to multiply
     * @param sums [tokens, PAIR] from {@code sumsAt} on
     * @param tile memory for the tile
     */
    void multiplyTile(
            int band,
            int piece,
            Prepared prepared,
            int n,
            int first,
            int tokens,
            float[] sums,
            int sumsAt,
            MemorySegment tile,
            Scratch scratch) {
        int from = piece * STRIDE;
        int to = Math.min(paddedColumns(), from + STRIDE);
        decodeTile(band, from, to, tile, scratch);
        TileKernel.run(tile, to - from, prepared.floats(), (piece * n + first) * STRIDE, sums, sumsAt, tokens);
    }

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
    public final @Nullable InputOrder inputOrder() {
        return inputOrder;
    }

    @Override
    public final int rowStep() {
        return PAIR;
    }

    @Override
    public final int panelRows() {
        return Lanes.PANEL;
    }

    @Override
    public final int preparedFloats(int n) {
        return n <= few() ? preparedFloatsForOne() : preparedFloatsForMany(padded(n));
    }

    @Override
    public final int preparedInts(int n) {
        return n <= few() ? preparedIntsForOne() : preparedIntsForMany(padded(n));
    }

    @Override
    public final void prepare(float[] x, int n, int from, int to, Prepared prepared) {
        for (int t = from; t < to; t++) {
            if (n > few()) {
                prepareOneOf(x, t, padded(n), prepared);
                continue;
            }
            Prepared own = own(prepared, t, n);
            own.reserve(preparedFloatsForOne(), preparedIntsForOne());
            prepareOne(x, t * columns, own);
        }
    }

    @Override
    public final void multiply(
            float[] x,
            Prepared prepared,
            int n,
            float @Nullable [] bias,
            float[] out,
            int rowFrom,
            int rowTo,
            Scratch scratch) {
        if (n > few()) {
            int step = padded(Math.ceilDiv(n, Math.ceilDiv(n, TOKENS)));
            for (int row = rowFrom; row < rowTo; row += Lanes.PANEL) {
                int end = Math.min(rowTo, row + Lanes.PANEL);
                for (int first = 0; first < n; first += step) {
                    int tokens = Math.min(step, n - first);
                    multiplyMany(prepared, n, first, tokens, bias, out, row, end, scratch);
                }
            }
            return;
        }
        float[] sums = scratch.floats(0, Lanes.PANEL);
        int step = n == 1 ? Lanes.PANEL : PAIR;
        for (int row = rowFrom; row < rowTo; row += step) {
            int height = Math.min(step, rowTo - row);
            for (int t = 0; t < n; t++) {
                multiplyOne(x, t * columns, own(prepared, t, n), sums, row, height, scratch);
                deliver(sums, 0, bias, out, t * rows + row, height, row);
            }
        }
    }

    private static Prepared own(Prepared prepared, int token, int n) {
        return n == 1 ? prepared : prepared.of(token);
    }

    private void multiplyMany(
            Prepared prepared,
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
        MemorySegment tile = scratch.aligned(tileBytes());
        Arrays.fill(sums, 0, bands * height * PAIR, 0);
        for (int piece = 0; piece < pieces(); piece++) {
            for (int band = 0; band < bands; band++) {
                int sumsAt = band * height * PAIR;
                multiplyTile(
                        rowFrom / PAIR + band, piece, prepared, padded(n), first, tokens, sums, sumsAt, tile, scratch);
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

    final int pieces() {
        return (paddedColumns() + STRIDE - 1) / STRIDE;
    }

    private static int padded(int tokens) {
        return Math.ceilDiv(tokens, TileKernel.ROWS) * TileKernel.ROWS;
    }
}
