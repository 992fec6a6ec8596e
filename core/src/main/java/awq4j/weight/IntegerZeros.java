package awq4j.weight;

import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import org.jspecify.annotations.Nullable;

/** Finds the integer zeros that a writer turned into floats: some formats store -scale * zero in place of the zero. */
public final class IntegerZeros {
    private IntegerZeros() {}

    /**
     * The zeros that the biases were made of.
     *
     * @param biases -scale * zero of each group, rounded to {@code dtype}
     * @param bits width of a zero
     * @return null if some bias was not made of an integer
     */
    public static byte @Nullable [] of(float[] scales, float[] biases, DType dtype, int bits) {
        int greatest = (1 << bits) - 1;
        byte[] zeros = new byte[scales.length];
        for (int i = 0; i < zeros.length; i++) {
            double zero = scales[i] == 0 ? 0 : Math.rint(-(double) biases[i] / scales[i]);
            if (!(zero >= 0 && zero <= greatest) || bias(scales[i], (int) zero, dtype) != biases[i]) {
                return null;
            }
            zeros[i] = (byte) zero;
        }
        return zeros;
    }

    private static float bias(float scale, int zero, DType dtype) {
        return FloatFormats.round(-(scale * zero), dtype);
    }
}
