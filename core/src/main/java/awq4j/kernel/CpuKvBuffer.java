package awq4j.kernel;

/**
 * Keys and values on the heap, in blocks of {@link #BLOCK} positions: keys [block, kvHead, headDim, BLOCK], values
 * [block, kvHead, BLOCK, headDim]. So the scores of neighbouring positions lie in neighbouring lanes, and so do the
 * features of a value; neither product needs a sum across lanes.
 */
public final class CpuKvBuffer implements KvBuffer {
    /** Positions that lie together: two vectors of 512 bits. */
    public static final int BLOCK = 32;

    private final int capacity;
    private final int kvHeads;
    private final int headDim;
    private final Memory memory;

    /** The numbers, in one of the stored precisions. */
    public sealed interface Memory {
        /** As computed. */
        record Floats(float[] keys, float[] values) implements Memory {}

        /** Rounded to float16. */
        record Halves(short[] keys, short[] values) implements Memory {}
    }

    CpuKvBuffer(int capacity, int kvHeads, int headDim, KvPrecision precision) {
        this.capacity = capacity;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        long blocks = ((long) capacity + BLOCK - 1) / BLOCK;
        long elements = blocks * BLOCK * kvHeads * headDim;
        if (elements > Integer.MAX_VALUE - 8) {
            throw new BackendException("keys of " + capacity + " positions, " + kvHeads + " heads of " + headDim
                    + " do not fit one array; try a shorter context");
        }
        int size = (int) elements;
        this.memory = switch (precision) {
            case F32 -> new Memory.Floats(new float[size], new float[size]);
            case F16 -> new Memory.Halves(new short[size], new short[size]);
        };
    }

    @Override
    public int capacity() {
        return capacity;
    }

    /** Key/value heads. */
    public int kvHeads() {
        return kvHeads;
    }

    /** Values a head. */
    public int headDim() {
        return headDim;
    }

    /** The numbers. */
    public Memory memory() {
        return memory;
    }

    @Override
    public long sizeBytes() {
        return switch (memory) {
            case Memory.Floats floats -> 2L * Float.BYTES * floats.keys().length;
            case Memory.Halves halves -> 2L * Short.BYTES * halves.keys().length;
        };
    }

    @Override
    public KvPrecision precision() {
        return switch (memory) {
            case Memory.Floats ignored -> KvPrecision.F32;
            case Memory.Halves ignored -> KvPrecision.F16;
        };
    }

    /** Where a block of a head begins, in keys and in values alike. */
    public int blockStart(int block, int kvHead) {
        return (block * kvHeads + kvHead) * BLOCK * headDim;
    }

    /** One value of a key. */
    public float key(int position, int kvHead, int d) {
        int at = blockStart(position / BLOCK, kvHead) + d * BLOCK + position % BLOCK;
        return switch (memory) {
            case Memory.Floats floats -> floats.keys()[at];
            case Memory.Halves halves -> Float.float16ToFloat(halves.keys()[at]);
        };
    }

    /** One value of a value. */
    public float value(int position, int kvHead, int d) {
        int at = blockStart(position / BLOCK, kvHead) + position % BLOCK * headDim + d;
        return switch (memory) {
            case Memory.Floats floats -> floats.values()[at];
            case Memory.Halves halves -> Float.float16ToFloat(halves.values()[at]);
        };
    }

    /** Stores one head's key and value at a position. */
    void store(int position, int kvHead, float[] keys, float[] values, int at) {
        int start = blockStart(position / BLOCK, kvHead);
        int place = position % BLOCK;
        switch (memory) {
            case Memory.Floats floats -> {
                for (int d = 0; d < headDim; d++) {
                    floats.keys()[start + d * BLOCK + place] = keys[at + d];
                }
                System.arraycopy(values, at, floats.values(), start + place * headDim, headDim);
            }
            case Memory.Halves halves -> {
                for (int d = 0; d < headDim; d++) {
                    halves.keys()[start + d * BLOCK + place] = Float.floatToFloat16(keys[at + d]);
                    halves.values()[start + place * headDim + d] = Float.floatToFloat16(values[at + d]);
                }
            }
        }
    }

    /** Takes over the first {@code filled} positions of a buffer of the same shape and precision. */
    void copyFrom(CpuKvBuffer from, int filled) {
        if (kvHeads != from.kvHeads
                || headDim != from.headDim
                || precision() != from.precision()
                || filled > Math.min(capacity, from.capacity)) {
            throw new IllegalArgumentException("copyKv: " + filled + " positions from " + from + " to " + this);
        }
        int size = (filled + BLOCK - 1) / BLOCK * BLOCK * kvHeads * headDim;
        if (memory instanceof Memory.Floats to && from.memory instanceof Memory.Floats source) {
            System.arraycopy(source.keys(), 0, to.keys(), 0, size);
            System.arraycopy(source.values(), 0, to.values(), 0, size);
        } else if (memory instanceof Memory.Halves to && from.memory instanceof Memory.Halves source) {
            System.arraycopy(source.keys(), 0, to.keys(), 0, size);
            System.arraycopy(source.values(), 0, to.values(), 0, size);
        }
    }

    @Override
    public String toString() {
        return precision() + " [" + capacity + ", " + kvHeads + ", " + headDim + "]";
    }
}
