package awq4j.kernel.scalar;

import awq4j.kernel.DoubleTile;

/** Plain loops: the definition. */
public final class ScalarDoubleTile implements DoubleTile {
    private static final int ROWS = 4;
    private static final int COLUMNS = 16;

    /** Has no state. */
    public ScalarDoubleTile() {}

    @Override
    public int rows() {
        return ROWS;
    }

    @Override
    public int columns() {
        return COLUMNS;
    }

    @Override
    public void subtract(int k, double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int stride) {
        for (int p = 0; p < k; p++) {
            for (int row = 0; row < ROWS; row++) {
                double factor = a[aAt + row * DEPTH + p];
                int to = cAt + row * stride;
                int from = bAt + p * COLUMNS;
                for (int column = 0; column < COLUMNS; column++) {
                    c[to + column] -= factor * b[from + column];
                }
            }
        }
    }
}
