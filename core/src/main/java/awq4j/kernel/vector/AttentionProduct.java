package awq4j.kernel.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code c[row] += sum over k of a[row, k] * b[k]}, where b[k] and c[row] are pairs of vectors: both products of
 * attention. A row's sum has the same order whichever rows are beside it.
 */
final class AttentionProduct {
    /** Values of a row of a that are multiplied in one go, and the distance of its rows. */
    static final int STRIDE = 256;

    /** Rows that a and c have room for a multiple of. */
    static final int ROWS = 8;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    private AttentionProduct() {}

    /**
     * Up to {@link #ROWS} rows; the sums of rows behind the last may be overwritten with nonsense.
     *
     * @param step distance of the rows of c
     */
    static void run(float[] b, int bAt, int k, float[] a, int aAt, float[] c, int cAt, int step, int rows) {
        if (rows == 1) {
            one(b, bAt, k, a, aAt, c, cAt);
        } else if (rows <= 4) {
            four(b, bAt, k, a, aAt, c, cAt, step);
        } else if (L == 8) {
            four(b, bAt, k, a, aAt, c, cAt, step);
            four(b, bAt, k, a, aAt + 4 * STRIDE, c, cAt + 4 * step, step);
        } else {
            eight(b, bAt, k, a, aAt, c, cAt, step);
        }
    }

    /** Eight rows: with 32 registers all sums stay in them. */
    private static void eight(float[] b, int bAt, int n, float[] a, int aAt, float[] c, int cAt, int step) {
        FloatVector c00 = FloatVector.fromArray(F, c, cAt);
        FloatVector c01 = FloatVector.fromArray(F, c, cAt + L);
        FloatVector c10 = FloatVector.fromArray(F, c, cAt + step);
        FloatVector c11 = FloatVector.fromArray(F, c, cAt + step + L);
        FloatVector c20 = FloatVector.fromArray(F, c, cAt + 2 * step);
        FloatVector c21 = FloatVector.fromArray(F, c, cAt + 2 * step + L);
        FloatVector c30 = FloatVector.fromArray(F, c, cAt + 3 * step);
        FloatVector c31 = FloatVector.fromArray(F, c, cAt + 3 * step + L);
        FloatVector c40 = FloatVector.fromArray(F, c, cAt + 4 * step);
        FloatVector c41 = FloatVector.fromArray(F, c, cAt + 4 * step + L);
        FloatVector c50 = FloatVector.fromArray(F, c, cAt + 5 * step);
        FloatVector c51 = FloatVector.fromArray(F, c, cAt + 5 * step + L);
        FloatVector c60 = FloatVector.fromArray(F, c, cAt + 6 * step);
        FloatVector c61 = FloatVector.fromArray(F, c, cAt + 6 * step + L);
        FloatVector c70 = FloatVector.fromArray(F, c, cAt + 7 * step);
        FloatVector c71 = FloatVector.fromArray(F, c, cAt + 7 * step + L);
        for (int k = 0; k < n; k++) {
            FloatVector b0 = FloatVector.fromArray(F, b, bAt + k * PAIR);
            FloatVector b1 = FloatVector.fromArray(F, b, bAt + k * PAIR + L);
            FloatVector x = FloatVector.broadcast(F, a[aAt + k]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = FloatVector.broadcast(F, a[aAt + k + STRIDE]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = FloatVector.broadcast(F, a[aAt + k + 2 * STRIDE]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = FloatVector.broadcast(F, a[aAt + k + 3 * STRIDE]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            x = FloatVector.broadcast(F, a[aAt + k + 4 * STRIDE]);
            c40 = x.fma(b0, c40);
            c41 = x.fma(b1, c41);
            x = FloatVector.broadcast(F, a[aAt + k + 5 * STRIDE]);
            c50 = x.fma(b0, c50);
            c51 = x.fma(b1, c51);
            x = FloatVector.broadcast(F, a[aAt + k + 6 * STRIDE]);
            c60 = x.fma(b0, c60);
            c61 = x.fma(b1, c61);
            x = FloatVector.broadcast(F, a[aAt + k + 7 * STRIDE]);
            c70 = x.fma(b0, c70);
            c71 = x.fma(b1, c71);
        }
        c00.intoArray(c, cAt);
        c01.intoArray(c, cAt + L);
        c10.intoArray(c, cAt + step);
        c11.intoArray(c, cAt + step + L);
        c20.intoArray(c, cAt + 2 * step);
        c21.intoArray(c, cAt + 2 * step + L);
        c30.intoArray(c, cAt + 3 * step);
        c31.intoArray(c, cAt + 3 * step + L);
        c40.intoArray(c, cAt + 4 * step);
        c41.intoArray(c, cAt + 4 * step + L);
        c50.intoArray(c, cAt + 5 * step);
        c51.intoArray(c, cAt + 5 * step + L);
        c60.intoArray(c, cAt + 6 * step);
        c61.intoArray(c, cAt + 6 * step + L);
        c70.intoArray(c, cAt + 7 * step);
        c71.intoArray(c, cAt + 7 * step + L);
    }

    /** Four rows, for few queries and for machines with sixteen registers. */
    private static void four(float[] b, int bAt, int n, float[] a, int aAt, float[] c, int cAt, int step) {
        FloatVector c00 = FloatVector.fromArray(F, c, cAt);
        FloatVector c01 = FloatVector.fromArray(F, c, cAt + L);
        FloatVector c10 = FloatVector.fromArray(F, c, cAt + step);
        FloatVector c11 = FloatVector.fromArray(F, c, cAt + step + L);
        FloatVector c20 = FloatVector.fromArray(F, c, cAt + 2 * step);
        FloatVector c21 = FloatVector.fromArray(F, c, cAt + 2 * step + L);
        FloatVector c30 = FloatVector.fromArray(F, c, cAt + 3 * step);
        FloatVector c31 = FloatVector.fromArray(F, c, cAt + 3 * step + L);
        for (int k = 0; k < n; k++) {
            FloatVector b0 = FloatVector.fromArray(F, b, bAt + k * PAIR);
            FloatVector b1 = FloatVector.fromArray(F, b, bAt + k * PAIR + L);
            FloatVector x = FloatVector.broadcast(F, a[aAt + k]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = FloatVector.broadcast(F, a[aAt + k + STRIDE]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = FloatVector.broadcast(F, a[aAt + k + 2 * STRIDE]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = FloatVector.broadcast(F, a[aAt + k + 3 * STRIDE]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
        }
        c00.intoArray(c, cAt);
        c01.intoArray(c, cAt + L);
        c10.intoArray(c, cAt + step);
        c11.intoArray(c, cAt + step + L);
        c20.intoArray(c, cAt + 2 * step);
        c21.intoArray(c, cAt + 2 * step + L);
        c30.intoArray(c, cAt + 3 * step);
        c31.intoArray(c, cAt + 3 * step + L);
    }

    /** One row, as fast as memory where b comes from there: the fewer instructions, the more loads are under way. */
    private static void one(float[] b, int bAt, int n, float[] a, int aAt, float[] c, int cAt) {
        FloatVector c0 = FloatVector.fromArray(F, c, cAt);
        FloatVector c1 = FloatVector.fromArray(F, c, cAt + L);
        for (int k = 0; k < n; k++) {
            FloatVector x = FloatVector.broadcast(F, a[aAt + k]);
            c0 = x.fma(FloatVector.fromArray(F, b, bAt + k * PAIR), c0);
            c1 = x.fma(FloatVector.fromArray(F, b, bAt + k * PAIR + L), c1);
        }
        c0.intoArray(c, cAt);
        c1.intoArray(c, cAt + L);
    }
}
