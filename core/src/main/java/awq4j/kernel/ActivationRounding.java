package awq4j.kernel;

/**
 * What {@link Precision#W4A8} and {@link Precision#W8A8} make of activations: 8-bit integers and a scale for each group of columns. Groups are
 * those of the weight, in pieces of at most {@link Precision#ACTIVATION_GROUP} columns from each group's start.
 *
 * <p>{@code scale = max |x| / 127; code = x * (127 / max |x|)}, rounded half to even; all in float32, so that every
 * implementation finds the same integers. A group that is too close to zero to be scaled counts as zero; the scale of a
 * group with NaN or infinity is NaN.
 */
public final class ActivationRounding {
    /** Greatest magnitude of a code. */
    public static final int LIMIT = 127;

    private ActivationRounding() {}

    /** The greatest magnitude of some values, NaN if one is. */
    public static float greatest(float[] x, int at, int n) {
        int greatest =
                0; // the bits of magnitudes are in the order of the magnitudes, NaN last; Math.max of floats is slow
        for (int i = 0; i < n; i++) {
            greatest = Math.max(greatest, Float.floatToRawIntBits(x[at + i]) & Integer.MAX_VALUE);
        }
        return Float.intBitsToFloat(greatest);
    }

    /** What a code is to be multiplied by. */
    public static float scale(float greatest) {
        if (!(greatest < Float.POSITIVE_INFINITY)) {
            return Float.NaN;
        }
        return inverse(greatest) == 0 ? 0 : greatest / LIMIT;
    }

    /** What an activation is multiplied by before it is rounded. */
    public static float inverse(float greatest) {
        float inverse = LIMIT / greatest;
        return inverse < Float.POSITIVE_INFINITY ? inverse : 0; // of NaN, too
    }
}
