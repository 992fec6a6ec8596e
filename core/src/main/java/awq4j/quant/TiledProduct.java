package awq4j.quant;

import awq4j.kernel.DoubleTile;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * {@code C -= A B} and {@code C -= A B^T} between parts of one square matrix in double: operands are packed, tiles of C
 * shared out. Sums are taken in the same order however many threads there are.
 */
final class TiledProduct {
    /** Rows of C that are one thread's, before they are rounded up to tiles. */
    private static final int ROWS = 96;

    /** Products below which sharing costs more than it brings. */
    private static final long SMALL = 1 << 19;

    private final DoubleTile tile;
    private final int height;
    private final int width;
    private final double[] m;
    private final int n;
    private final int chunk;
    private final double[] panels;

    /** @param m [n, n] */
    TiledProduct(DoubleTile tile, double[] m, int n) {
        this.tile = tile;
        this.height = tile.rows();
        this.width = tile.columns();
        this.m = m;
        this.n = n;
        this.chunk = Math.ceilDiv(ROWS, height) * height;
        this.panels = new double[DoubleTile.DEPTH * (n + width)];
    }

    /**
     * Subtracts a product.
     *
     * @param c where C begins, row * n + column
     * @param a where A [rows, k] begins
     * @param b where B begins: [columns, k] if {@code transposed}, else [k, columns]; A and B do not overlap C
     * @param lower whether only entries on and below C's diagonal are wanted; others may be overwritten with nonsense
     *     where they share a tile with these
     */
    void subtract(int c, int rows, int columns, int a, int b, int k, boolean transposed, boolean lower) {
        boolean small = (long) rows * columns * k < SMALL;
        for (int from = 0; from < k; from += DoubleTile.DEPTH) {
            int depth = Math.min(DoubleTile.DEPTH, k - from);
            int start = transposed ? b + from : b + from * n;
            int across = Math.ceilDiv(columns, width);
            run(across, small, panel -> packColumns(start, panel * width, columns, depth, transposed));
            int left = a + from;
            run(Math.ceilDiv(rows, chunk), small, part -> {
                int first = part * chunk;
                multiply(c, first, Math.min(rows, first + chunk), columns, left, depth, lower);
            });
        }
    }

    private static void run(int count, boolean small, java.util.function.IntConsumer work) {
        if (small || count == 1) {
            for (int i = 0; i < count; i++) {
                work.accept(i);
            }
        } else {
            IntStream.range(0, count).parallel().forEach(work);
        }
    }

    /** A panel of B: [depth, width], zeros where B ends. */
    private void packColumns(int b, int column, int columns, int depth, boolean transposed) {
        int at = column * depth;
        int count = Math.min(width, columns - column);
        if (count < width) {
            Arrays.fill(panels, at, at + depth * width, 0);
        }
        if (transposed) {
            for (int j = 0; j < count; j++) {
                int from = b + (column + j) * n;
                for (int p = 0; p < depth; p++) {
                    panels[at + p * width + j] = m[from + p];
                }
            }
        } else {
            for (int p = 0; p < depth; p++) {
                System.arraycopy(m, b + p * n + column, panels, at + p * width, count);
            }
        }
    }

    private void multiply(int c, int first, int end, int columns, int a, int depth, boolean lower) {
        double[] rows = new double[chunk * DoubleTile.DEPTH];
        for (int row = first; row < end; row++) {
            System.arraycopy(m, a + row * n, rows, (row - first) * DoubleTile.DEPTH, depth);
        }
        double[] edge = new double[height * width];
        int stop = lower ? Math.min(columns, end) : columns;
        for (int column = 0; column < stop; column += width) {
            int wide = Math.min(width, columns - column);
            for (int row = first; row < end; row += height) {
                int high = Math.min(height, end - row);
                if (lower && column > row + high - 1) {
                    continue;
                }
                int at = c + row * n + column;
                int from = (row - first) * DoubleTile.DEPTH;
                if (high == height && wide == width) {
                    tile.subtract(depth, rows, from, panels, column * depth, m, at, n);
                    continue;
                }
                Arrays.fill(edge, 0);
                tile.subtract(depth, rows, from, panels, column * depth, edge, 0, width);
                for (int i = 0; i < high; i++) {
                    for (int j = 0; j < wide; j++) {
                        m[at + i * n + j] += edge[i * width + j];
                    }
                }
            }
        }
    }
}
