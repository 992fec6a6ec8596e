package awq4j.kernel;

/**
 * Keys and values on the heap, in blocks of as many positions as the row kernels compute at once: keys [kvHead, block,
 * headDim, position], values [kvHead, block, headDim / size, position, size], where size is that number of positions
 * and the last features are padding. So the scores of neighbouring positions lie in neighbouring lanes, and so do
 * neighbouring features of a value; neither product needs a sum across lanes. A head's blocks follow one another: what
 * is read in order comes from memory faster (14.5 GB/s instead of 12.5 on one core).
 */
public final class CpuKvBuffer implements KvBuffer {
    /** Bytes behind the last: kernels may load a few more than they use. */
    private static final int PADDING = 8;

    /** Adding and subtracting 1.5 * 2^23 rounds to an integer, half to even. */
    private static final float ROUNDER = 0x1.8p23f;

    private final int capacity;
    private final int kvHeads;
    private final int headDim;
    private final KvPrecision precision;
    private final int block;
    private final int blockSize;
    private final int blocks;
    private final Memory memory;

    /** The numbers, in one of the stored precisions. */
    public sealed interface Memory permits Memory.Floats, Memory.Halves, Memory.Bytes, FourBitKv {
        /** As computed. */
        record Floats(float[] keys, float[] values) implements Memory {}

        /** Rounded to float16. */
        record Halves(short[] keys, short[] values) implements Memory {}

        /**
         * Rounded to integers, -127 to 127: a number is its code times the scale of its head and position.
         *
         * @param keyScales [kvHead, position], padded to whole blocks
         * @param valueScales [kvHead, position], padded to whole blocks
         */
        record Bytes(byte[] keys, byte[] values, float[] keyScales, float[] valueScales) implements Memory {}
    }

    CpuKvBuffer(int capacity, int kvHeads, int headDim, KvPrecision precision, int block) {
        this.capacity = capacity;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.precision = precision;
        this.block = block;
        this.blockSize = Math.multiplyExact(block, (headDim + block - 1) / block * block);
        this.blocks = (int) (((long) capacity + block - 1) / block);
        long elements = (long) blocks * kvHeads * blockSize;
        if (elements > Integer.MAX_VALUE - 8 - PADDING) {
            throw new BackendException("keys of " + capacity + " positions, " + kvHeads + " heads of " + headDim
                    + " do not fit one array; try a shorter context");
        }
        int size = (int) elements;
        int scales = blocks * kvHeads * block;
        this.memory = switch (precision) {
            case F32 -> new Memory.Floats(new float[size], new float[size]);
            case F16 -> new Memory.Halves(new short[size], new short[size]);
            case I8 ->
                new Memory.Bytes(
                        new byte[size + PADDING], new byte[size + PADDING], new float[scales], new float[scales]);
            case I4 -> new FourBitKv(capacity, kvHeads, headDim, block);
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
            case Memory.Bytes bytes ->
                2L * (bytes.keys().length - PADDING) + 2L * Float.BYTES * bytes.keyScales().length;
            case FourBitKv codes -> codes.sizeBytes();
        };
    }

    @Override
    public KvPrecision precision() {
        return precision;
    }

    /** Where a head's block of positions begins, in keys and in values alike. */
    public int blockStart(int index, int kvHead) {
        return (kvHead * blocks + index) * blockSize;
    }

    /** Where the scales of a head's block of positions begin. */
    public int scaleStart(int index, int kvHead) {
        return (kvHead * blocks + index) * block;
    }

    /** One feature of a key, as the query at its own position reads it. */
    public float key(int position, int kvHead, int d) {
        return key(position, kvHead, d, position);
    }

    /**
     * One feature of a key.
     *
     * @param query position of the query that reads it
     */
    public float key(int position, int kvHead, int d, int query) {
        return switch (memory) {
            case Memory.Floats floats -> floats.keys()[keyPlace(position, kvHead, d)];
            case Memory.Halves halves -> Float.float16ToFloat(halves.keys()[keyPlace(position, kvHead, d)]);
            case Memory.Bytes bytes ->
                bytes.keys()[keyPlace(position, kvHead, d)] * bytes.keyScales()[scalePlace(position, kvHead)];
            case FourBitKv codes -> codes.key(position, kvHead, d, position < precision.codedBefore(query));
        };
    }

    private int keyPlace(int position, int kvHead, int d) {
        return blockStart(position / block, kvHead) + d * block + position % block;
    }

    /** One feature of a value, as the query at its own position reads it. */
    public float value(int position, int kvHead, int d) {
        return value(position, kvHead, d, position);
    }

    /**
     * One feature of a value.
     *
     * @param query position of the query that reads it
     */
    public float value(int position, int kvHead, int d, int query) {
        return switch (memory) {
            case Memory.Floats floats -> floats.values()[valuePlace(position, kvHead, d)];
            case Memory.Halves halves -> Float.float16ToFloat(halves.values()[valuePlace(position, kvHead, d)]);
            case Memory.Bytes bytes ->
                bytes.values()[valuePlace(position, kvHead, d)] * bytes.valueScales()[scalePlace(position, kvHead)];
            case FourBitKv codes -> codes.value(position, kvHead, d, position < precision.codedBefore(query));
        };
    }

    private int valuePlace(int position, int kvHead, int d) {
        return blockStart(position / block, kvHead) + (d / block * block + position % block) * block + d % block;
    }

    private int scalePlace(int position, int kvHead) {
        return scaleStart(position / block, kvHead) + position % block;
    }

    /**
     * Whether the query at a position can be answered: float16 that only earlier queries read may be forgotten.
     */
    boolean answers(int query) {
        return !(memory instanceof FourBitKv codes) || precision.codedBefore(query) >= codes.base();
    }

    /** Stores one head's key and value at a position. */
    void store(int position, int kvHead, float[] keys, float[] values, int at) {
        int start = blockStart(position / block, kvHead);
        int key = start + position % block;
        int value = start + position % block * block;
        switch (memory) {
            case Memory.Floats(float[] k, float[] v) -> {
                for (int d = 0; d < headDim; d++) {
                    k[key + d * block] = keys[at + d];
                }
                for (int d = 0; d < headDim; d += block) {
                    System.arraycopy(values, at + d, v, value + d * block, Math.min(block, headDim - d));
                }
            }
            case Memory.Halves(short[] k, short[] v) -> {
                for (int d = 0; d < headDim; d++) {
                    k[key + d * block] = Float.floatToFloat16(keys[at + d]);
                }
                for (int d = 0; d < headDim; d += block) {
                    halves(values, at + d, v, value + d * block, Math.min(block, headDim - d));
                }
            }
            case Memory.Bytes(byte[] k, byte[] v, float[] keyScales, float[] valueScales) -> {
                int scale = scalePlace(position, kvHead);
                keyScales[scale] = round(keys, at, k, key, block, block * block);
                valueScales[scale] = round(values, at, v, value, 1, block * block);
            }
            case FourBitKv codes -> codes.store(position, kvHead, keys, values, at);
        }
    }

    private static void halves(float[] from, int at, short[] to, int toAt, int n) {
        for (int i = 0; i < n; i++) {
            to[toAt + i] = Float.floatToFloat16(from[at + i]);
        }
    }

    /**
     * Codes of one head, as {@link ActivationRounding} defines them for a group.
     *
     * @param step distance of neighbouring features
     * @param jump distance of features that are a block apart
     * @return the scale
     */
    private float round(float[] from, int at, byte[] to, int toAt, int step, int jump) {
        float greatest = ActivationRounding.greatest(from, at, headDim);
        float inverse = ActivationRounding.inverse(greatest);
        for (int d = 0; d < headDim; d += block) {
            int place = toAt + d / block * jump;
            int n = Math.min(block, headDim - d);
            for (int i = 0; i < n; i++) {
                to[place + i * step] = (byte) (from[at + d + i] * inverse + ROUNDER - ROUNDER);
            }
        }
        return ActivationRounding.scale(greatest);
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
        if (from.memory instanceof FourBitKv source && memory instanceof FourBitKv own) {
            own.copyFrom(source, filled);
        } else {
            copyFrom(from, 0, 0, filled);
        }
    }

    /**
     * Takes over a stretch of positions, whole blocks; perhaps of itself. Not of 4-bit codes.
     *
     * @param at first position there, a multiple of the block
     * @param to first position here, a multiple of the block
     */
    void copyFrom(CpuKvBuffer from, int at, int to, int positions) {
        int size = (positions + block - 1) / block * blockSize;
        int scales = (positions + block - 1) / block * block;
        for (int h = 0; h < kvHeads; h++) {
            int source = from.blockStart(at / block, h);
            int target = blockStart(to / block, h);
            if (from.memory instanceof Memory.Floats(var keys, var values)
                    && memory instanceof Memory.Floats(var ownKeys, var ownValues)) {
                System.arraycopy(keys, source, ownKeys, target, size);
                System.arraycopy(values, source, ownValues, target, size);
            } else if (from.memory instanceof Memory.Halves(var keys, var values)
                    && memory instanceof Memory.Halves(var ownKeys, var ownValues)) {
                System.arraycopy(keys, source, ownKeys, target, size);
                System.arraycopy(values, source, ownValues, target, size);
            } else if (from.memory instanceof Memory.Bytes bytes && memory instanceof Memory.Bytes own) {
                System.arraycopy(bytes.keys(), source, own.keys(), target, size);
                System.arraycopy(bytes.values(), source, own.values(), target, size);
                int scale = from.scaleStart(at / block, h);
                int ownScale = scaleStart(to / block, h);
                System.arraycopy(bytes.keyScales(), scale, own.keyScales(), ownScale, scales);
                System.arraycopy(bytes.valueScales(), scale, own.valueScales(), ownScale, scales);
            }
        }
    }

    @Override
    public String toString() {
        return precision() + " [" + capacity + ", " + kvHeads + ", " + headDim + "]";
    }
}
