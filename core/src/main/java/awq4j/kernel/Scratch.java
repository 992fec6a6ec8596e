package awq4j.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Memory that one thread of the team works in; it grows to the largest request and stays. */
public final class Scratch {
    private static final int SLOTS = 8;
    private static final long CACHE_LINE = 64;

    private final float[][] floats = new float[SLOTS][0];
    private short[] shorts = new short[0];

    @SuppressWarnings("UnusedVariable") // written so that the compiler cannot leave the reading out
    private long kept;

    private MemorySegment aligned = MemorySegment.NULL;
    private @Nullable Object held;

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

    /** Takes a value that is computed only so that memory is read. */
    public void keep(long value) {
        kept = value;
    }

    /** Memory outside the heap that starts at a cache line, so that no vector straddles two: arrays start anywhere. */
    public MemorySegment aligned(long bytes) {
        if (aligned.byteSize() < bytes) {
            aligned = Arena.ofAuto().allocate(bytes, CACHE_LINE);
        }
        return aligned;
    }

    /** An array for 16-bit values on their way to floats. */
    public short[] shorts(int size) {
        if (shorts.length < size) {
            shorts = new short[size];
        }
        return shorts;
    }

    /**
     * An object that a kernel works with on this thread, call after call, so that no call has to make one. One at a time:
     * a kernel that holds another drops it.
     */
    public <T> T held(Class<T> type, Supplier<T> maker) {
        if (!type.isInstance(held)) {
            held = maker.get();
        }
        return type.cast(held);
    }
}
