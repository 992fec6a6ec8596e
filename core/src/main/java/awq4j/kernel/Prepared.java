package awq4j.kernel;

import org.jspecify.annotations.Nullable;

/**
 * Activations as a weight's kernels want them: filled by {@link CpuWeight#prepare}, by parts and threads, before any row
 * is multiplied. The arrays grow to the largest request and stay.
 */
public final class Prepared {
    /** Tokens that may be prepared each by itself. */
    public static final int MOST = 16;

    private float[] floats = new float[0];
    private int[] ints = new int[0];
    private final @Nullable Prepared[] tokens = new Prepared[MOST];

    /** Nothing yet. */
    public Prepared() {}

    /** Room for at least as many values; what was there is lost. */
    public void reserve(int floatCount, int intCount) {
        if (floats.length < floatCount) {
            floats = new float[floatCount];
        }
        if (ints.length < intCount) {
            ints = new int[intCount];
        }
    }

    /** Room of its own for one token, below {@link #MOST}; one thread at a time may ask for the same. */
    public Prepared of(int token) {
        Prepared own = tokens[token];
        if (own == null) {
            own = new Prepared();
            tokens[token] = own;
        }
        return own;
    }

    /** The floats that were reserved, and perhaps more. */
    public float[] floats() {
        return floats;
    }

    /** The ints that were reserved, and perhaps more. */
    public int[] ints() {
        return ints;
    }
}
