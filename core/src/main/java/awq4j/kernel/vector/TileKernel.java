package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code c[row] += sum over k of a[row, k] * b[k]}, where b[k] and c[row] are pairs of vectors: the product of linears and
 * many tokens. Its b is a tile outside the heap, aligned to vectors: loads that straddle cache lines cost a tenth of the
 * speed (docs/results/cpu.md).
 */
final class TileKernel {
    /** Rows of a at once: with 32 registers twelve, which leaves the fewest loads for each product; with 16 four. */
    static final int ROWS = Lanes.COUNT == 8 ? 4 : 12;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    /** Columns of a tile, and the distance of the rows of a: one group of the usual size. */
    static final int STRIDE = 128;

    private static final long COLUMN = (long) PAIR * Float.BYTES;

    private TileKernel() {}

    /**
     * Any number of rows; up to 3 rows behind the last are read and their sums overwritten with nonsense, so a and c have
     * room for a multiple of {@link #ROWS}. All forms sum in the same order, so a row does not depend on its neighbours.
     *
     * @param b [k, {@link Lanes#PAIR}]
     * @param a rows {@link #STRIDE} apart
     * @param c [rows, {@link Lanes#PAIR}], added to
     */
    static void run(MemorySegment b, int k, float[] a, int aAt, float[] c, int cAt, int rows) {
        int row = 0;
        for (; ROWS == 12 && rows - row > 8; row += 12) {
            twelve(b, k, a, aAt + row * STRIDE, c, cAt + row * PAIR);
        }
        for (; rows - row > 1; row += 4) {
            four(b, k, a, aAt + row * STRIDE, c, cAt + row * PAIR);
        }
        for (; row < rows; row++) {
            one(b, k, a, aAt + row * STRIDE, c, cAt + row * PAIR);
        }
    }

    private static void four(MemorySegment b, int n, float[] a, int aAt, float[] c, int cAt) {
        FloatVector c00 = FloatVector.fromArray(F, c, cAt);
        FloatVector c01 = FloatVector.fromArray(F, c, cAt + L);
        FloatVector c10 = FloatVector.fromArray(F, c, cAt + PAIR);
        FloatVector c11 = FloatVector.fromArray(F, c, cAt + PAIR + L);
        FloatVector c20 = FloatVector.fromArray(F, c, cAt + 2 * PAIR);
        FloatVector c21 = FloatVector.fromArray(F, c, cAt + 2 * PAIR + L);
        FloatVector c30 = FloatVector.fromArray(F, c, cAt + 3 * PAIR);
        FloatVector c31 = FloatVector.fromArray(F, c, cAt + 3 * PAIR + L);
        for (int k = 0; k < n; k++) {
            FloatVector b0 = FloatVector.fromMemorySegment(F, b, k * COLUMN, LE);
            FloatVector b1 = FloatVector.fromMemorySegment(F, b, k * COLUMN + Lanes.BYTES, LE);
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

    private static void twelve(MemorySegment b, int n, float[] a, int aAt, float[] c, int cAt) {
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
        FloatVector c60 = FloatVector.fromArray(F, c, cAt + 6 * PAIR);
        FloatVector c61 = FloatVector.fromArray(F, c, cAt + 6 * PAIR + L);
        FloatVector c70 = FloatVector.fromArray(F, c, cAt + 7 * PAIR);
        FloatVector c71 = FloatVector.fromArray(F, c, cAt + 7 * PAIR + L);
        FloatVector c80 = FloatVector.fromArray(F, c, cAt + 8 * PAIR);
        FloatVector c81 = FloatVector.fromArray(F, c, cAt + 8 * PAIR + L);
        FloatVector c90 = FloatVector.fromArray(F, c, cAt + 9 * PAIR);
        FloatVector c91 = FloatVector.fromArray(F, c, cAt + 9 * PAIR + L);
        FloatVector ca0 = FloatVector.fromArray(F, c, cAt + 10 * PAIR);
        FloatVector ca1 = FloatVector.fromArray(F, c, cAt + 10 * PAIR + L);
        FloatVector cb0 = FloatVector.fromArray(F, c, cAt + 11 * PAIR);
        FloatVector cb1 = FloatVector.fromArray(F, c, cAt + 11 * PAIR + L);
        for (int k = 0; k < n; k++) {
            FloatVector b0 = FloatVector.fromMemorySegment(F, b, k * COLUMN, LE);
            FloatVector b1 = FloatVector.fromMemorySegment(F, b, k * COLUMN + Lanes.BYTES, LE);
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
            x = FloatVector.broadcast(F, a[aAt + k + 8 * STRIDE]);
            c80 = x.fma(b0, c80);
            c81 = x.fma(b1, c81);
            x = FloatVector.broadcast(F, a[aAt + k + 9 * STRIDE]);
            c90 = x.fma(b0, c90);
            c91 = x.fma(b1, c91);
            x = FloatVector.broadcast(F, a[aAt + k + 10 * STRIDE]);
            ca0 = x.fma(b0, ca0);
            ca1 = x.fma(b1, ca1);
            x = FloatVector.broadcast(F, a[aAt + k + 11 * STRIDE]);
            cb0 = x.fma(b0, cb0);
            cb1 = x.fma(b1, cb1);
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
        c60.intoArray(c, cAt + 6 * PAIR);
        c61.intoArray(c, cAt + 6 * PAIR + L);
        c70.intoArray(c, cAt + 7 * PAIR);
        c71.intoArray(c, cAt + 7 * PAIR + L);
        c80.intoArray(c, cAt + 8 * PAIR);
        c81.intoArray(c, cAt + 8 * PAIR + L);
        c90.intoArray(c, cAt + 9 * PAIR);
        c91.intoArray(c, cAt + 9 * PAIR + L);
        ca0.intoArray(c, cAt + 10 * PAIR);
        ca1.intoArray(c, cAt + 10 * PAIR + L);
        cb0.intoArray(c, cAt + 11 * PAIR);
        cb1.intoArray(c, cAt + 11 * PAIR + L);
    }

    private static void one(MemorySegment b, int n, float[] a, int aAt, float[] c, int cAt) {
        FloatVector c00 = FloatVector.fromArray(F, c, cAt);
        FloatVector c01 = FloatVector.fromArray(F, c, cAt + L);
        for (int k = 0; k < n; k++) {
            FloatVector b0 = FloatVector.fromMemorySegment(F, b, k * COLUMN, LE);
            FloatVector b1 = FloatVector.fromMemorySegment(F, b, k * COLUMN + Lanes.BYTES, LE);
            FloatVector x = FloatVector.broadcast(F, a[aAt + k]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
        }
        c00.intoArray(c, cAt);
        c01.intoArray(c, cAt + L);
    }
}
