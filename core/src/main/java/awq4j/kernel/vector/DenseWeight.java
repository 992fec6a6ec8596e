package awq4j.kernel.vector;

import awq4j.kernel.Scratch;
import awq4j.tensor.DType;
import awq4j.weight.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Floats of 32 or 16 bits, read where they lie, row by row, and converted a piece at a time. */
final class DenseWeight extends TiledWeight {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    /** Rows of which one token's sums are computed at once. */
    private static final int TOGETHER = 4;

    /** Columns of these rows that are converted at once: 16 KiB. */
    private static final int PIECE = 1024;

    private final DType dtype;
    private final MemorySegment values;

    DenseWeight(Weight weight, DType dtype) {
        super(weight);
        this.dtype = dtype;
        this.values = weight.values();
    }

    @Override
    public long sizeBytes() {
        return values.byteSize();
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        read(row, 0, columns(), out, at, new Scratch());
    }

    private void read(int row, int column, int count, float[] out, int at, Scratch scratch) {
        long from = ((long) row * columns() + column) * dtype.bytes();
        if (dtype == DType.F32) {
            MemorySegment.copy(values, FLOAT, from, out, at, count);
            return;
        }
        short[] bits = scratch.shorts(count);
        MemorySegment.copy(values, SHORT, from, bits, 0, count);
        if (dtype == DType.F16) {
            HalfFloats.fromF16(bits, 0, out, at, count);
        } else {
            HalfFloats.fromBf16(bits, 0, out, at, count);
        }
    }

    @Override
    int paddedColumns() {
        return columns();
    }

    @Override
    void spread(float[] x, int at, float[] prepared, int to, int distance) {
        for (int k = 0, piece = 0; k < columns(); k += MicroKernel.STRIDE, piece++) {
            int count = Math.min(MicroKernel.STRIDE, columns() - k);
            System.arraycopy(x, at + k, prepared, to + piece * distance, count);
        }
    }

    @Override
    void decodeTile(int band, int from, int to, float[] tile, Scratch scratch) {
        int count = to - from;
        int height = Math.min(PAIR, rows() - band * PAIR);
        float[] row = scratch.floats(2, MicroKernel.STRIDE);
        for (int r = 0; r < height; r++) {
            read(band * PAIR + r, from, count, row, 0, scratch);
            for (int k = 0; k < count; k++) {
                tile[k * PAIR + r] = row[k];
            }
        }
    }

    @Override
    int preparedForOne() {
        return 0;
    }

    @Override
    void prepareOne(float[] x, float[] prepared) {}

    @Override
    void multiplyOne(float[] x, float[] prepared, float[] sums, int panel, Scratch scratch) {
        int height = Math.min(Lanes.PANEL, rows() - panel * Lanes.PANEL);
        float[] pieces = scratch.floats(1, TOGETHER * PIECE);
        for (int r = 0; r < height; r += TOGETHER) {
            for (int i = 0; i < TOGETHER; i++) {
                sums[r + i] = 0;
            }
            for (int k = 0; k < columns(); k += PIECE) {
                int count = Math.min(PIECE, columns() - k);
                for (int i = 0; i < Math.min(TOGETHER, height - r); i++) {
                    read(panel * Lanes.PANEL + r + i, k, count, pieces, i * PIECE, scratch);
                }
                dots(x, k, pieces, count, sums, r);
            }
        }
    }

    /** {@code sums[at + i] += x * row i} for four rows that start {@link #PIECE} floats apart. */
    private static void dots(float[] x, int xAt, float[] rows, int n, float[] sums, int at) {
        FloatVector s0 = FloatVector.zero(F);
        FloatVector s1 = FloatVector.zero(F);
        FloatVector s2 = FloatVector.zero(F);
        FloatVector s3 = FloatVector.zero(F);
        FloatVector t0 = FloatVector.zero(F);
        FloatVector t1 = FloatVector.zero(F);
        FloatVector t2 = FloatVector.zero(F);
        FloatVector t3 = FloatVector.zero(F);
        int k = 0;
        for (int end = n - 2 * L; k <= end; k += 2 * L) {
            FloatVector y = FloatVector.fromArray(F, x, xAt + k);
            s0 = y.fma(FloatVector.fromArray(F, rows, k), s0);
            s1 = y.fma(FloatVector.fromArray(F, rows, PIECE + k), s1);
            s2 = y.fma(FloatVector.fromArray(F, rows, 2 * PIECE + k), s2);
            s3 = y.fma(FloatVector.fromArray(F, rows, 3 * PIECE + k), s3);
            y = FloatVector.fromArray(F, x, xAt + k + L);
            t0 = y.fma(FloatVector.fromArray(F, rows, k + L), t0);
            t1 = y.fma(FloatVector.fromArray(F, rows, PIECE + k + L), t1);
            t2 = y.fma(FloatVector.fromArray(F, rows, 2 * PIECE + k + L), t2);
            t3 = y.fma(FloatVector.fromArray(F, rows, 3 * PIECE + k + L), t3);
        }
        float r0 = s0.add(t0).reduceLanes(VectorOperators.ADD);
        float r1 = s1.add(t1).reduceLanes(VectorOperators.ADD);
        float r2 = s2.add(t2).reduceLanes(VectorOperators.ADD);
        float r3 = s3.add(t3).reduceLanes(VectorOperators.ADD);
        for (; k < n; k++) {
            float y = x[xAt + k];
            r0 = Math.fma(y, rows[k], r0);
            r1 = Math.fma(y, rows[PIECE + k], r1);
            r2 = Math.fma(y, rows[2 * PIECE + k], r2);
            r3 = Math.fma(y, rows[3 * PIECE + k], r3);
        }
        sums[at] += r0;
        sums[at + 1] += r1;
        sums[at + 2] += r2;
        sums[at + 3] += r3;
    }
}
