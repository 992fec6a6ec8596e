package awq4j.kernel.vector;

import awq4j.kernel.DoubleTile;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Tiles of four rows and two vectors' width: eight sums in registers. Eight and twelve rows, for which 32 registers would
 * suffice, were compiled to a seventh of the speed (docs/results/quantize.md). The sums are taken from nothing and
 * subtracted once, at the end.
 */
public final class VectorDoubleTile implements DoubleTile {
    private static final VectorSpecies<Double> D = VectorSpecies.of(double.class, Lanes.FLOATS.vectorShape());
    private static final int L = D.length();
    private static final int PAIR = 2 * L;
    private static final int ROWS = 4;

    /** Has no state. */
    public VectorDoubleTile() {}

    @Override
    public int rows() {
        return ROWS;
    }

    @Override
    public int columns() {
        return PAIR;
    }

    @Override
    public void subtract(int k, double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int stride) {
        DoubleVector zero = DoubleVector.zero(D);
        DoubleVector c00 = zero;
        DoubleVector c01 = zero;
        DoubleVector c10 = zero;
        DoubleVector c11 = zero;
        DoubleVector c20 = zero;
        DoubleVector c21 = zero;
        DoubleVector c30 = zero;
        DoubleVector c31 = zero;
        for (int p = 0; p < k; p++) {
            DoubleVector b0 = DoubleVector.fromArray(D, b, bAt + p * PAIR);
            DoubleVector b1 = DoubleVector.fromArray(D, b, bAt + p * PAIR + L);
            DoubleVector x = DoubleVector.broadcast(D, a[aAt + p]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = DoubleVector.broadcast(D, a[aAt + p + DEPTH]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = DoubleVector.broadcast(D, a[aAt + p + 2 * DEPTH]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = DoubleVector.broadcast(D, a[aAt + p + 3 * DEPTH]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
        }
        less(c00, c01, c, cAt);
        less(c10, c11, c, cAt + stride);
        less(c20, c21, c, cAt + 2 * stride);
        less(c30, c31, c, cAt + 3 * stride);
    }

    private static void less(DoubleVector first, DoubleVector second, double[] c, int at) {
        DoubleVector.fromArray(D, c, at).sub(first).intoArray(c, at);
        DoubleVector.fromArray(D, c, at + L).sub(second).intoArray(c, at + L);
    }
}
