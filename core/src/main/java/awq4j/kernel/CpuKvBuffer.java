package awq4j.kernel;

/**
 * Keys and values on the heap, in blocks of as many positions as the row kernels compute at once: keys [block, kvHead,
 * headDim, position], values [block, kvHead, headDim / size, position, size], where size is that number of positions
 * and the last features are padding. So the scores of neighbouring positions lie in neighbouring lanes, and so do
 * neighbouring features of a value; neither product needs a sum across lanes.
 */
public final class CpuKvBuffer implements KvBuffer {
    private final int capacity;
    private final int kvHeads;
    private final int headDim;
    private final int block;
    private final int blockSize;
    private final Memory memory;

    /** The numbers, in one of the stored precisions. */
    public sealed interface Memory {
        /** As computed. */
        record Floats(float[] keys, float[] values) implements Memory {}

        /** Rounded to float16. */
        record Halves(short[] keys, short[] values) implements Memory {}
    }

    CpuKvBuffer(int capacity, int kvHeads, int headDim, KvPrecision precision, int block) {
        this.capacity = capacity;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.block = block;
        this.blockSize = Math.multiplyExact(block, (headDim + block - 1) / block * block);
        long blocks = ((long) capacity + block - 1) / block;
        long elements = blocks * kvHeads * blockSize;
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

    /** Where a head's block of positions begins, in keys and in values alike. */
    public int blockStart(int index, int kvHead) {
        return (index * kvHeads + kvHead) * blockSize;
    }

    /** One feature of a key. */
    public float key(int position, int kvHead, int d) {
        int at = keyPlace(position, kvHead, d);
        return switch (memory) {
            case Memory.Floats floats -> floats.keys()[at];
            case Memory.Halves halves -> Float.float16ToFloat(halves.keys()[at]);
        };
    }

    /** One feature of a value. */
    public float value(int position, int kvHead, int d) {
        int at = valuePlace(position, kvHead, d);
        return switch (memory) {
            case Memory.Floats floats -> floats.values()[at];
            case Memory.Halves halves -> Float.float16ToFloat(halves.values()[at]);
        };
    }

    private int keyPlace(int position, int kvHead, int d) {
        return blockStart(position / block, kvHead) + d * block + position % block;
    }

    private int valuePlace(int position, int kvHead, int d) {
        return blockStart(position / block, kvHead) + (d / block * block + position % block) * block + d % block;
    }

    /** Stores one head's key and value at a position. */
    void store(int position, int kvHead, float[] keys, float[] values, int at) {
        switch (memory) {
            case Memory.Floats floats -> {
                for (int d = 0; d < headDim; d++) {
                    floats.keys()[keyPlace(position, kvHead, d)] = keys[at + d];
                    floats.values()[valuePlace(position, kvHead, d)] = values[at + d];
                }
            }
            case Memory.Halves halves -> {
                for (int d = 0; d < headDim; d++) {
                    halves.keys()[keyPlace(position, kvHead, d)] = Float.floatToFloat16(keys[at + d]);
                    halves.values()[valuePlace(position, kvHead, d)] = Float.floatToFloat16(values[at + d]);
                }
            }
        }
    }

    /** Takes over the first {@code filled} positions of a buffer of the same shape and precision. */
    void copyFrom(CpuKvBuffer from, int filled) {
        if (kvHeads != from.kvHeads
                || headDim != from.headDim
                || block != from.block
                || precision() != from.precision()
                || filled > Math.min(capacity, from.capacity)) {
            throw new IllegalArgumentException("copyKv: " + filled + " positions from " + from + " to " + this);
        }
        int size = (filled + block - 1) / block * kvHeads * blockSize;
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
