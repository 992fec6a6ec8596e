package awq4j.kernel;

import awq4j.kernel.CpuKvBuffer.Memory;
import awq4j.kernel.KvBuffer.KvPrecision;

/**
 * Keys and values as {@link KvPrecision#I4} defines them: codes of all groups that are complete, and the latest positions
 * in float16. Codes lie in blocks as {@link CpuKvBuffer}'s numbers do, half a block's row in the lower and half in the
 * upper bits of a byte: keys [kvHead, block, headDim, size / 2], values [kvHead, block, headDim / size, position, size / 2].
 *
 * <p>{@link #open} before and {@link #code} after positions are stored keep both parts in step.
 */
public final class FourBitKv implements Memory {
    /** Bytes behind the last: kernels may load a few more than they use. */
    private static final int PADDING = 8;

    private static final int GROUP = KvPrecision.GROUP;
    private static final int LAST_CODE = 15;

    /** Positions in float16 that are kept beyond those that the next query reads: these can be taken back. */
    private static final int KEPT = GROUP;

    /** Positions in float16 while tokens come one by one; when it is full, the older ones go. */
    private static final int ROOM = KvPrecision.RECENT + GROUP + KEPT + 2 * GROUP;

    private final int kvHeads;
    private final int headDim;
    private final int block;
    private final int blocks;
    private final int groups;
    private final int parts;
    private final int codeBlock;
    private final byte[] keys;
    private final byte[] values;
    private final short[] keyScales;
    private final short[] keyLeast;
    private final short[] valueScales;
    private final short[] valueLeast;

    private CpuKvBuffer recent;

    /** The first position in float16, a multiple of the group. */
    private int base;

    /** Behind the last position that was stored. */
    private int end;

    /** From which position on groups that became complete have no codes yet. */
    private int uncoded;

    FourBitKv(int capacity, int kvHeads, int headDim, int block) {
        if (GROUP % block != 0) {
            throw new IllegalArgumentException("blocks of " + block + " positions do not divide groups of " + GROUP);
        }
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.block = block;
        groups = (int) (((long) capacity + GROUP - 1) / GROUP);
        blocks = groups * (GROUP / block);
        parts = (headDim + GROUP - 1) / GROUP;
        codeBlock = (headDim + block - 1) / block * block * (block / 2);
        long bytes = (long) blocks * kvHeads * codeBlock;
        long scales = (long) blocks * kvHeads * parts * block;
        if (Math.max(bytes + PADDING, scales) > Integer.MAX_VALUE - 8) {
            throw new BackendException("4-bit keys of " + capacity + " positions, " + kvHeads + " heads of " + headDim
                    + " do not fit one array; try a shorter context");
        }
        keys = new byte[(int) bytes + PADDING];
        values = new byte[(int) bytes + PADDING];
        keyScales = new short[groups * kvHeads * headDim];
        keyLeast = new short[keyScales.length];
        valueScales = new short[(int) scales];
        valueLeast = new short[valueScales.length];
        recent = halves(room(0));
    }

    int kvHeads() {
        return kvHeads;
    }

    long sizeBytes() {
        long scales = 2L * Short.BYTES * (keyScales.length + valueScales.length);
        return keys.length + values.length - 2L * PADDING + scales + recent.sizeBytes();
    }

    /** The latest positions in float16; their first is {@link #base}. */
    public CpuKvBuffer recent() {
        return recent;
    }

    /** The first position that {@link #recent} holds, a multiple of {@link KvPrecision#GROUP}. */
    public int base() {
        return base;
    }

    /** Codes of keys. */
    public byte[] keyCodes() {
        return keys;
    }

    /** Codes of values. */
    public byte[] valueCodes() {
        return values;
    }

    /** Scales of keys, float16, [kvHead, group, headDim]. */
    public short[] keyScales() {
        return keyScales;
    }

    /** What code 0 of a key means, as the scales. */
    public short[] keyLeast() {
        return keyLeast;
    }

    /** Scales of values, float16, [kvHead, block, headDim / group, position]. */
    public short[] valueScales() {
        return valueScales;
    }

    /** What code 0 of a value means, as the scales. */
    public short[] valueLeast() {
        return valueLeast;
    }

    /** Where a head's block of positions begins, in codes of keys and of values alike. */
    public int codeStart(int index, int kvHead) {
        return (kvHead * blocks + index) * codeBlock;
    }

    /** Where the scales of a head's block of keys begin. */
    public int keyScaleStart(int index, int kvHead) {
        return (kvHead * groups + index * block / GROUP) * headDim;
    }

    /** Where the scales of a head's block of values begin. */
    public int valueScaleStart(int index, int kvHead) {
        return (kvHead * blocks + index) * parts * block;
    }

    /** One feature of a key, as a query reads it that sees the position as old or as recent. */
    float key(int position, int kvHead, int d, boolean old) {
        if (!old) {
            return recent.key(position - base, kvHead, d);
        }
        int scale = keyScaleStart(position / block, kvHead) + d;
        return number(keys, keyPlace(position, kvHead, d), position % block, keyScales[scale], keyLeast[scale]);
    }

    /** One feature of a value. */
    float value(int position, int kvHead, int d, boolean old) {
        if (!old) {
            return recent.value(position - base, kvHead, d);
        }
        int scale = valueScale(position, kvHead, d / GROUP);
        return number(values, valuePlace(position, kvHead, d), d % block, valueScales[scale], valueLeast[scale]);
    }

    private float number(byte[] codes, int at, int element, short scale, short least) {
        int code = (codes[at] >>> shift(element)) & LAST_CODE;
        return code * Float.float16ToFloat(scale) + Float.float16ToFloat(least);
    }

    private int shift(int element) {
        return element < block / 2 ? 0 : 4;
    }

    private int keyPlace(int position, int kvHead, int d) {
        return codeStart(position / block, kvHead) + d * (block / 2) + position % (block / 2);
    }

    private int valuePlace(int position, int kvHead, int d) {
        int row = d / block * block + position % block;
        return codeStart(position / block, kvHead) + row * (block / 2) + d % (block / 2);
    }

    private int valueScale(int position, int kvHead, int part) {
        return valueScaleStart(position / block, kvHead) + part * block + position % block;
    }

    /**
     * Makes room for positions that are to be stored.
     *
     * @param last behind the last
     * @throws IllegalArgumentException if there would be a gap before {@code first}
     */
    void open(int first, int last) {
        if (first > end) {
            throw new IllegalArgumentException("store: position " + first + " into a 4-bit cache that has " + end
                    + " positions; they have to follow one another");
        }
        int needed = KvPrecision.I4.codedBefore(first);
        int kept = Math.max(0, needed - KEPT);
        boolean tooLarge = recent.capacity() > ROOM && last - kept <= ROOM;
        if (needed < base) {
            move(needed, first, last);
        } else if (last > base + recent.capacity() || tooLarge) {
            move(Math.max(base, kept), first, last);
        }
        uncoded = first / GROUP * GROUP;
        end = last;
    }

    /** Lets float16 begin at position {@code to} and reach {@code last}; keeps what lies before {@code first}. */
    private void move(int to, int first, int last) {
        int positions = room(last - to);
        boolean stays = to >= base && positions == recent.capacity();
        CpuKvBuffer target = stays ? recent : halves(positions);
        int held = Math.min(Math.max(to, base), first);
        if (held < first) {
            target.copyFrom(recent, held - base, held - to, first - held);
        }
        float[] key = new float[headDim];
        float[] value = new float[headDim];
        for (int position = to; position < held; position++) {
            for (int h = 0; h < kvHeads; h++) {
                for (int d = 0; d < headDim; d++) {
                    key[d] = key(position, h, d, true);
                    value[d] = value(position, h, d, true);
                }
                target.store(position - to, h, key, value, 0);
            }
        }
        recent = target;
        base = to;
    }

    /** Stores one head's key and value at a position that was made room for. */
    void store(int position, int kvHead, float[] keys, float[] values, int at) {
        recent.store(position - base, kvHead, keys, values, at);
    }

    /** Groups that what was stored since {@link #open} completed. */
    int completed() {
        return end / GROUP - uncoded / GROUP;
    }

    /**
     * Gives one head of a group its codes.
     *
     * @param index among the completed groups
     */
    void code(int index, int kvHead) {
        int from = uncoded + index * GROUP;
        float[] group = new float[GROUP];
        codeKeys(from, kvHead, group);
        for (int position = from; position < from + GROUP; position++) {
            codeValue(position, kvHead, group);
        }
    }

    private void codeKeys(int from, int kvHead, float[] group) {
        int scale = keyScaleStart(from / block, kvHead);
        for (int d = 0; d < headDim; d++) {
            for (int i = 0; i < GROUP; i++) {
                group[i] = recent.key(from - base + i, kvHead, d);
            }
            keyLeast[scale + d] = least(group, GROUP);
            keyScales[scale + d] = round(group, GROUP);
            for (int i = 0; i < GROUP; i++) {
                put(keys, keyPlace(from + i, kvHead, d), i % block, group[i]);
            }
        }
    }

    private void codeValue(int position, int kvHead, float[] group) {
        for (int part = 0; part < parts; part++) {
            int n = Math.min(GROUP, headDim - part * GROUP);
            for (int i = 0; i < n; i++) {
                group[i] = recent.value(position - base, kvHead, part * GROUP + i);
            }
            int scale = valueScale(position, kvHead, part);
            valueLeast[scale] = least(group, n);
            valueScales[scale] = round(group, n);
            for (int i = 0; i < n; i++) {
                int d = part * GROUP + i;
                put(values, valuePlace(position, kvHead, d), d % block, group[i]);
            }
        }
    }

    private void put(byte[] codes, int at, int element, float code) {
        int shift = shift(element);
        codes[at] = (byte) ((codes[at] & ~(LAST_CODE << shift)) | ((int) code << shift));
    }

    private static short least(float[] x, int n) {
        float least = Float.POSITIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            least = Math.min(least, x[i]); // NaN is the least of all
        }
        return Float.floatToFloat16(least); // they were float16 before
    }

    /**
     * Makes numbers their codes.
     *
     * @return the scale, float16; NaN if a number is not finite
     */
    private static short round(float[] x, int n) {
        float least = Float.POSITIVE_INFINITY;
        float greatest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            least = Math.min(least, x[i]);
            greatest = Math.max(greatest, x[i]);
        }
        float range = greatest - least;
        short scale = Float.floatToFloat16(range < Float.POSITIVE_INFINITY ? range / LAST_CODE : Float.NaN);
        float step = Float.float16ToFloat(scale);
        for (int i = 0; i < n; i++) {
            // a scale of 0 stands for a range that float16 cannot divide: all are the least
            float code = step > 0 ? (float) Math.rint((x[i] - least) / step) : 0;
            x[i] = Math.min(code, LAST_CODE);
        }
        return scale;
    }

    /** Takes over the first {@code filled} positions of another of the same heads and blocks. */
    void copyFrom(FourBitKv from, int filled) {
        int some = (Math.min(filled, from.end) + GROUP - 1) / GROUP;
        for (int h = 0; h < kvHeads; h++) {
            int size = some * (GROUP / block) * codeBlock;
            System.arraycopy(from.keys, from.codeStart(0, h), keys, codeStart(0, h), size);
            System.arraycopy(from.values, from.codeStart(0, h), values, codeStart(0, h), size);
            size = some * headDim;
            System.arraycopy(from.keyScales, from.keyScaleStart(0, h), keyScales, keyScaleStart(0, h), size);
            System.arraycopy(from.keyLeast, from.keyScaleStart(0, h), keyLeast, keyScaleStart(0, h), size);
            size = some * GROUP * parts;
            System.arraycopy(from.valueScales, from.valueScaleStart(0, h), valueScales, valueScaleStart(0, h), size);
            System.arraycopy(from.valueLeast, from.valueScaleStart(0, h), valueLeast, valueScaleStart(0, h), size);
        }
        base = from.base;
        end = filled;
        recent = halves(Math.max(room(0), from.recent.capacity()));
        if (filled > base) {
            recent.copyFrom(from.recent, 0, 0, filled - base);
        }
    }

    private int room(int positions) {
        int wanted = Math.max(ROOM, (positions + GROUP - 1) / GROUP * GROUP);
        return Math.min(wanted, groups * GROUP);
    }

    private CpuKvBuffer halves(int positions) {
        return new CpuKvBuffer(positions, kvHeads, headDim, KvPrecision.F16, block);
    }
}
