package awq4j.kernel;

/** Memory that one thread of the team works in; it grows to the largest request and stays. */
public final class Scratch {
    private static final int SLOTS = 8;

    private final float[][] floats = new float[SLOTS][0];
    private short[] shorts = new short[0];

    /** Nothing yet. */
    public Scratch() {}

    /**
     * An array for intermediate values; what an earlier call left in it is still there.
     *
     * @param slot which of 8 arrays; a kernel uses each for one purpose
     */
    public float[] floats(int slot, int size) {
        if (floats[slot].length < size) {
            floats[slot] = new float[size];
        }
        return floats[slot];
    }

    /** An array for 16-bit values on their way to floats. */
    public short[] shorts(int size) {
        if (shorts.length < size) {
            shorts = new short[size];
        }
        return shorts;
    }
}
