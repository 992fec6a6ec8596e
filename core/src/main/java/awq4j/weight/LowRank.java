package awq4j.weight;

import awq4j.tensor.DType;
import awq4j.weight.WeightLayout.Dense;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A matrix of low rank, kept as the product of two thin ones; what a linear adds to the product with its codes to make up
 * for what they lost: {@code y = x W^T + (x down^T) up^T}.
 *
 * @param down [rank, columns], dense
 * @param up [rows, rank], dense
 */
public record LowRank(Weight down, Weight up) {
    /** Behind a linear's tensor prefix: the name of {@link #down}. */
    public static final String DOWN = ".low_rank_down";

    /** Behind a linear's tensor prefix: the name of {@link #up}. */
    public static final String UP = ".low_rank_up";

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** @throws IllegalArgumentException if one is not dense, or they do not fit together */
    public LowRank {
        if (!(down.layout() instanceof Dense) || !(up.layout() instanceof Dense)) {
            throw new IllegalArgumentException("low-rank factors are dense, were " + down.name() + " " + down.layout()
                    + " and " + up.name() + " " + up.layout());
        }
        if (down.rows() != up.columns()) {
            throw new IllegalArgumentException(
                    up.name() + " has rank " + up.columns() + ", " + down.name() + " has " + down.rows());
        }
    }

    /**
     * Factors in float16, as a checkpoint holds them.
     *
     * @param name tensor prefix of the linear
     * @param down [rank, columns]
     * @param up [rows, rank]
     */
    public static LowRank ofFloats(String name, int rows, int columns, int rank, float[] down, float[] up) {
        return new LowRank(
                new Weight(name + DOWN, rank, columns, new Dense(DType.F16), halves(down), null, null),
                new Weight(name + UP, rows, rank, new Dense(DType.F16), halves(up), null, null));
    }

    private static MemorySegment halves(float[] values) {
        var memory = MemorySegment.ofArray(new byte[Math.multiplyExact(Short.BYTES, values.length)]);
        for (int i = 0; i < values.length; i++) {
            memory.set(SHORT, (long) i * Short.BYTES, Float.floatToFloat16(values[i]));
        }
        return memory;
    }

    /** Whether a tensor is one of the two, by its name. */
    public static boolean isFactor(String tensor) {
        return tensor.endsWith(DOWN) || tensor.endsWith(UP);
    }

    /** Its rank. */
    public int rank() {
        return down.rows();
    }

    /** Bytes of both. */
    public long sizeBytes() {
        return down.sizeBytes() + up.sizeBytes();
    }

    /** The product, [rows, columns], summed in double; for tests and small weights. */
    public float[] decode() {
        float[] thin = WeightCodec.decode(down);
        float[] tall = WeightCodec.decode(up);
        int columns = down.columns();
        float[] product = new float[Math.multiplyExact(up.rows(), columns)];
        double[] sums = new double[columns];
        for (int row = 0; row < up.rows(); row++) {
            java.util.Arrays.fill(sums, 0);
            for (int k = 0; k < rank(); k++) {
                double factor = tall[row * rank() + k];
                for (int c = 0; c < columns; c++) {
                    sums[c] += factor * thin[k * columns + c];
                }
            }
            for (int c = 0; c < columns; c++) {
                product[row * columns + c] = (float) sums[c];
            }
        }
        return product;
    }
}
