package awq4j.weight;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * One block of a GGUF tensor taken apart: {@code value = scale * factor * (code - zero) - least * lift}, with a factor
 * and a lift for each group, and a scale and a least for the block.
 *
 * <p>The codes' low and high bits lie apart in a block, and so do those of six-bit scales; columns that are 16, 32, 64 or
 * 128 apart share bytes. An object serves one block after the other, on one thread.
 */
public final class BlockParts {
    /** Of arrays, not of memory segments: access to those is slow once a program has segments of several kinds. */
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long ONES = 0x0101_0101_0101_0101L;

    private final GgufType type;
    private final byte[] block;
    private final int[] factors;
    private final int[] lifts;
    private short scale;
    private short least;

    /** Nothing yet. */
    public BlockParts(GgufType type) {
        this.type = type;
        this.block = new byte[type.blockBytes()];
        this.factors = new int[type.groups()];
        this.lifts = new int[type.groups()];
    }

    /** Takes the block apart that starts at byte {@code at}. */
    public void read(MemorySegment values, long at) {
        MemorySegment.copy(values, ValueLayout.JAVA_BYTE, at, block, 0, block.length);
        switch (type) {
            case Q5_0 -> readPlain(0);
            case Q5_1 -> readPlain(2);
            case Q2_K -> readTwos();
            case Q3_K -> readThrees();
            case Q4_K, Q5_K -> readSixBitScales();
            case Q6_K -> readSixes();
        }
    }

    /** The block's scale, float16 bits. */
    public short scale() {
        return scale;
    }

    /** What the block's lifts are multiplied by, float16 bits; 0 if the type has no minima. */
    public short least() {
        return least;
    }

    /** The unsigned code of a column. */
    public int code(int column) {
        return (int) (eight(column & ~7) >>> (column % 8 * 8)) & 0xff;
    }

    /** The codes of eight columns, a byte each, the first one lowest; {@code column} is a multiple of 8. */
    public long eight(int column) {
        int k = column;
        return switch (type) {
            case Q5_0 -> fives(2, k);
            case Q5_1 -> fives(4, k);
            case Q2_K -> eight(16 + k / 128 * 32 + k % 32, k % 128 / 32 * 2, 2);
            case Q3_K -> eight(32 + k / 128 * 32 + k % 32, k % 128 / 32 * 2, 2) | (eight(k % 32, k / 32, 1) << 2);
            case Q4_K -> eight(16 + k / 64 * 32 + k % 32, k % 64 / 32 * 4, 4);
            case Q5_K -> eight(48 + k / 64 * 32 + k % 32, k % 64 / 32 * 4, 4) | (eight(16 + k % 32, k / 32, 1) << 4);
            case Q6_K ->
                eight(k / 128 * 64 + k % 64, k % 128 / 64 * 4, 4)
                        | (eight(128 + k / 128 * 32 + k % 32, k % 128 / 32 * 2, 2) << 4);
        };
    }

    private long fives(int highAt, int k) {
        int high = block[highAt + k / 8] & 0xff;
        return eight(highAt + 4 + k % 16, k / 16 * 4, 4) | (Long.expand(high, ONES) << 4);
    }

    /** {@code count} bits of each of eight bytes. */
    private long eight(int at, int from, int count) {
        return ((long) LONG.get(block, at) >>> from) & (((1 << count) - 1) * ONES);
    }

    /** What a group multiplies the block's scale by, possibly negative. */
    public int factor(int group) {
        return factors[group];
    }

    /** What a group multiplies {@link #least} by before it is taken away: -1 in {@link GgufType#Q5_1}, which adds it. */
    public int lift(int group) {
        return lifts[group];
    }

    /** The scale of a group, an exact product. */
    public float groupScale(int group) {
        return Float.float16ToFloat(scale) * factors[group];
    }

    /** What is taken away from a group's values, an exact product. */
    public float groupLeast(int group) {
        return Float.float16ToFloat(least) * lifts[group];
    }

    /** Writes the values, one rounding each. */
    public void decode(float[] out, int at) {
        int zero = type.zero();
        for (int k = 0; k < type.blockColumns(); k += 8) {
            float by = groupScale(k / type.groupSize());
            float less = groupLeast(k / type.groupSize());
            long codes = eight(k);
            for (int i = 0; i < 8; i++) {
                int code = (int) (codes >>> (8 * i)) & 0xff;
                out[at + k + i] = by * (code - zero) - less;
            }
        }
    }

    private void readPlain(int leastAt) {
        scale = (short) SHORT.get(block, 0);
        least = leastAt == 0 ? 0 : (short) SHORT.get(block, leastAt);
        factors[0] = 1;
        lifts[0] = leastAt == 0 ? 0 : -1;
    }

    private void readTwos() {
        scale = (short) SHORT.get(block, 80);
        least = (short) SHORT.get(block, 82);
        for (int g = 0; g < 16; g++) {
            factors[g] = bits(g, 0, 4);
            lifts[g] = bits(g, 4, 4);
        }
    }

    private void readThrees() {
        scale = (short) SHORT.get(block, 108);
        for (int g = 0; g < 16; g++) {
            factors[g] = (bits(96 + g % 8, g / 8 * 4, 4) | (bits(104 + g % 4, g / 4 * 2, 2) << 4)) - 32;
        }
    }

    /** Scale, least, and in twelve bytes eight factors and eight lifts: those of the last four groups are split. */
    private void readSixBitScales() {
        scale = (short) SHORT.get(block, 0);
        least = (short) SHORT.get(block, 2);
        for (int g = 0; g < 4; g++) {
            factors[g] = bits(4 + g, 0, 6);
            lifts[g] = bits(8 + g, 0, 6);
            factors[4 + g] = bits(12 + g, 0, 4) | (bits(4 + g, 6, 2) << 4);
            lifts[4 + g] = bits(12 + g, 4, 4) | (bits(8 + g, 6, 2) << 4);
        }
    }

    private void readSixes() {
        scale = (short) SHORT.get(block, 208);
        for (int g = 0; g < 16; g++) {
            factors[g] = block[192 + g];
        }
    }

    private int bits(int at, int from, int count) {
        return ((block[at] & 0xff) >>> from) & ((1 << count) - 1);
    }
}
