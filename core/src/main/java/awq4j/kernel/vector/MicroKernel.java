package awq4j.kernel.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code c[t] += sum over k of a[t, k] * b[k]}, where b[k] and c[t] are pairs of vectors. Both linears of many tokens and
 * attention are made of it.
 *
 * <p>a has its rows {@link #STRIDE} floats apart; b and c are tiles, {@link Lanes#PAIR} floats a row.
 */
final class MicroKernel {
    /** Values of a row of a that are multiplied in one go, and the distance of its rows. */
    static final int STRIDE = 256;

    /**
     * Rows of a at once. The compiler loads the broadcasts of all rows before the products: with 256 bits (sixteen
     * registers) six rows spill, 39 GFLOP/s instead of four rows' 91; with 512 or NEON's 128 there are 32 registers.
     */
    static final int ROWS = Lanes.COUNT == 8 ? 4 : 6;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    private MicroKernel() {}

    /**
     * Any number of rows; up to {@link #ROWS} - 1 rows behind the last are read and their sums overwritten with
     * nonsense, so a and c have room for a multiple of {@link #ROWS}.
     */
    static void run(float[] b, int bAt, int k, float[] a, int aAt, float[] c, int cAt, int rows) {
        int row = 0;
        for (; rows - row > 1; row += ROWS) {
            if (ROWS == 4) {
                four(b, bAt, k, a, aAt + row * STRIDE, c, cAt + row * PAIR);
            } else {
                six(b, bAt, k, a, aAt + row * STRIDE, c, cAt + row * PAIR);
            }
        }
        for (; row < rows; row++) {
            one(b, bAt, k, a, aAt + row * STRIDE, c, cAt + row * PAIR);
        }
    }

    private static void four(float[] b, int bAt, int n, float[] a, int aAt, float[] c, int cAt) {
        FloatVector c00 = FloatVector.fromArray(F, c, cAt);
        FloatVector c01 = FloatVector.fromArray(F, c, cAt + L);
        FloatVector c10 = FloatVector.fromArray(F, c, cAt + PAIR);
        FloatVector c11 = FloatVector.fromArray(F, c, cAt + PAIR + L);
        FloatVector c20 = FloatVector.fromArray(F, c, cAt + 2 * PAIR);
        FloatVector c21 = FloatVector.fromArray(F, c, cAt + 2 * PAIR + L);
        FloatVector c30 = FloatVector.fromArray(F, c, cAt + 3 * PAIR);
        FloatVector c31 = FloatVector.fromArray(F, c, cAt + 3 * PAIR + L);
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
        c10.intoArray(c, cAt + PAIR);
        c11.intoArray(c, cAt + PAIR + L);
        c20.intoArray(c, cAt + 2 * PAIR);
        c21.intoArray(c, cAt + 2 * PAIR + L);
        c30.intoArray(c, cAt + 3 * PAIR);
        c31.intoArray(c, cAt + 3 * PAIR + L);
    }

    private static void six(float[] b, int bAt, int n, float[] a, int aAt, float[] c, int cAt) {
        FloatVector c00 = FloatVector.fromArray(F, c, cAt);
        FloatVector c01 = FloatVector.fromArray(F, c, cAt + L);
        FloatVector c10 = FloatVector.fromArray(F, c, cAt + PAIR);
        FloatVector c11 = FloatVector.fromArray(F, c, cAt + PAIR + L);
        FloatVector c20 = FloatVector.fromArray(F, c, cAt + 2 * PAIR);
        FloatVector c21 = FloatVector.fromArray(F, c, cAt + 2 * PAIR + L);
        FloatVector c30 = FloatVector.fromArray(F, c, cAt + 3 * PAIR);
        FloatVector c31 = FloatVector.fromArray(F, c, cAt + 3 * PAIR + L);
        FloatVector c40 = FloatVector.fromArray(F, c, cAt + 4 * PAIR);
        FloatVector c41 = FloatVector.fromArray(F, c, cAt + 4 * PAIR + L);
        FloatVector c50 = FloatVector.fromArray(F, c, cAt + 5 * PAIR);
        FloatVector c51 = FloatVector.fromArray(F, c, cAt + 5 * PAIR + L);
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
        }
        c00.intoArray(c, cAt);
        c01.intoArray(c, cAt + L);
        c10.intoArray(c, cAt + PAIR);
        c11.intoArray(c, cAt + PAIR + L);
        c20.intoArray(c, cAt + 2 * PAIR);
        c21.intoArray(c, cAt + 2 * PAIR + L);
        c30.intoArray(c, cAt + 3 * PAIR);
        c31.intoArray(c, cAt + 3 * PAIR + L);
        c40.intoArray(c, cAt + 4 * PAIR);
        c41.intoArray(c, cAt + 4 * PAIR + L);
        c50.intoArray(c, cAt + 5 * PAIR);
        c51.intoArray(c, cAt + 5 * PAIR + L);
    }

    /** One row; the sum has the order that the others have, so a row does not depend on its neighbours. */
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
