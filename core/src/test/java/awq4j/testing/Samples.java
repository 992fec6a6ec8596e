package awq4j.testing;

import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** Seeded numbers for tests: the same seed gives the same numbers everywhere. */
public final class Samples {
    private Samples() {}

    /** {@code n} floats, roughly normal, standard deviation 1. */
    public static float[] floats(long seed, int n) {
        var random = new SplittableRandom(seed);
        float[] out = new float[n];
        for (int i = 0; i < n; i++) {
            out[i] = (float) random.nextGaussian();
        }
        return out;
    }

    /** A dense weight, on the heap. */
    public static Weight dense(long seed, int rows, int columns, DType dtype) {
        float[] values = floats(seed, rows * columns);
        if (dtype == DType.F32) {
            return Weight.ofFloats("dense", rows, columns, values);
        }
        short[] bits = new short[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = dtype == DType.F16 ? Float.floatToFloat16(values[i]) : FloatFormats.floatToBf16(values[i]);
        }
        return new Weight("dense", rows, columns, new Dense(dtype), MemorySegment.ofArray(bits), null, null);
    }

    /** The weight with its stored columns meeting inputs in a random order. */
    public static Weight inRandomOrder(long seed, Weight weight) {
        var random = new SplittableRandom(seed);
        int[] inputs = new int[weight.columns()];
        for (int i = 0; i < inputs.length; i++) {
            int other = random.nextInt(i + 1);
            inputs[i] = inputs[other];
            inputs[other] = i;
        }
        return new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                weight.layout(),
                weight.values(),
                weight.scales(),
                weight.zeros(),
                InputOrder.of(inputs));
    }

    /**
     * A grouped weight, on the heap: random codes; rows 0 to 3, as far as there are, have all codes least, all greatest,
     * all equal to the zero, and scales of zero. Biases and the scales beside them are float16 numbers if the number of
     * columns is even.
     */
    public static Weight grouped(long seed, int rows, int columns, int bits, int groupSize, ZeroPoint zeroPoint) {
        var random = new SplittableRandom(seed);
        var layout = new Grouped(bits, groupSize, zeroPoint);
        int groups = layout.groups(columns);
        byte[] codes = new byte[rows * layout.rowBytes(columns)];
        float[] scales = new float[rows * groups];
        byte[] zeros = new byte[rows * groups];
        float[] biases = new float[rows * groups];
        for (int r = 0; r < rows; r++) {
            for (int g = 0; g < groups; g++) {
                scales[r * groups + g] = r == 3 ? 0 : 0.01f + 0.1f * (float) random.nextDouble();
                zeros[r * groups + g] =
                        (byte) (zeroPoint == ZeroPoint.MIDDLE ? 1 << (bits - 1) : random.nextInt(1 << bits));
                if (zeroPoint == ZeroPoint.FLOAT) {
                    int at = r * groups + g;
                    boolean half = columns % 2 == 0;
                    biases[at] = rounded((float) random.nextDouble() - 0.5f, half);
                    scales[at] = rounded(scales[at], half);
                }
            }
            for (int k = 0; k < columns; k++) {
                int code = random.nextInt(1 << bits);
                code = switch (r) {
                    case 0 -> 0;
                    case 1 -> (1 << bits) - 1;
                    case 2 -> zeros[r * groups + k / groupSize] & 0xff;
                    default -> code;
                };
                int start = r * layout.rowBytes(columns);
                if (layout.storageBits() == 4) {
                    codes[start + k / 2] |= (byte) (code << (k % 2 * 4));
                } else {
                    codes[start + k] = (byte) code;
                }
            }
        }
        return new Weight(
                "grouped",
                rows,
                columns,
                layout,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(scales),
                switch (zeroPoint) {
                    case MIDDLE -> null;
                    case INTEGER -> MemorySegment.ofArray(zeros);
                    case FLOAT -> MemorySegment.ofArray(biases);
                });
    }

    private static float rounded(float value, boolean half) {
        return half ? FloatFormats.roundToF16(value) : value;
    }
}
