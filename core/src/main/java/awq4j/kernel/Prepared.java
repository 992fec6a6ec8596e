package awq4j.kernel;

/**
 * Activations as a weight's kernels want them: filled by {@link CpuWeight#prepare}, by parts and threads, before any row
 * is multiplied. The arrays grow to the largest request and stay.
 */
public final class Prepared {
    private float[] floats = new float[0];
    private int[] ints = new int[0];

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

    /** The floats that were reserved, and perhaps more. */
    public float[] floats() {
        return floats;
    }

    /** The ints that were reserved, and perhaps more. */
    public int[] ints() {
        return ints;
    }
}
