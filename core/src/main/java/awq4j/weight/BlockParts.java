package awq4j.weight;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One block of a GGUF tensor taken apart: {@code value = scale * factor * (code - zero) - least * lift}, with a factor
 * and a lift for each group, and a scale and a least for the block.
 *
 * <p>The codes' low and high bits lie apart in a block, and so do those of six-bit scales; columns that are 16, 32, 64 or
 * 128 apart share bytes. An object serves one block after the other, on one thread.
 */
public final class BlockParts {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final GgufType type;
    private final byte[] block;
    private final MemorySegment memory;
    private final int[] codes;
    private final int[] factors;
    private final int[] lifts;
    private short scale;
    private short least;

    /** Nothing yet. */
    public BlockParts(GgufType type) {
        this.type = type;
        this.block = new byte[type.blockBytes()];
        this.memory = MemorySegment.ofArray(block);
        this.codes = new int[type.blockColumns()];
        this.factors = new int[type.groups()];
        this.lifts = new int[type.groups()];
    }

    /** Takes the block apart that starts at byte {@code at}. */
    public void read(MemorySegment values, long at) {
        MemorySegment.copy(values, ValueLayout.JAVA_BYTE, at, block, 0, block.length);
        switch (type) {
            case Q5_0 -> readFives(2, 0);
            case Q5_1 -> readFives(4, 2);
            case Q2_K -> readTwos();
            case Q3_K -> readThrees();
            case Q4_K -> readFours();
            case Q5_K -> readFivesOfMany();
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
        return codes[column];
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
        for (int g = 0, k = 0; g < factors.length; g++) {
            float by = groupScale(g);
            float less = groupLeast(g);
            for (int end = k + type.groupSize(); k < end; k++) {
                out[at + k] = by * (codes[k] - zero) - less;
            }
        }
    }

    private void readFives(int highAt, int leastAt) {
        scale = memory.get(SHORT, 0);
        least = leastAt == 0 ? 0 : memory.get(SHORT, leastAt);
        factors[0] = 1;
        lifts[0] = leastAt == 0 ? 0 : -1;
        for (int k = 0; k < 32; k++) {
            codes[k] = bits(highAt + 4 + k % 16, k / 16 * 4, 4) | (bits(highAt + k / 8, k % 8, 1) << 4);
        }
    }

    private void readTwos() {
        scale = memory.get(SHORT, 80);
        least = memory.get(SHORT, 82);
        for (int g = 0; g < 16; g++) {
            factors[g] = bits(g, 0, 4);
            lifts[g] = bits(g, 4, 4);
        }
        for (int k = 0; k < 256; k++) {
            codes[k] = bits(16 + k / 128 * 32 + k % 32, k % 128 / 32 * 2, 2);
        }
    }

    private void readThrees() {
        scale = memory.get(SHORT, 108);
        for (int g = 0; g < 16; g++) {
            factors[g] = (bits(96 + g % 8, g / 8 * 4, 4) | (bits(104 + g % 4, g / 4 * 2, 2) << 4)) - 32;
        }
        for (int k = 0; k < 256; k++) {
            codes[k] = bits(32 + k / 128 * 32 + k % 32, k % 128 / 32 * 2, 2) | (bits(k % 32, k / 32, 1) << 2);
        }
    }

    private void readFours() {
        readSixBitScales();
        for (int k = 0; k < 256; k++) {
            codes[k] = bits(16 + k / 64 * 32 + k % 32, k % 64 / 32 * 4, 4);
        }
    }

    private void readFivesOfMany() {
        readSixBitScales();
        for (int k = 0; k < 256; k++) {
            codes[k] = bits(48 + k / 64 * 32 + k % 32, k % 64 / 32 * 4, 4) | (bits(16 + k % 32, k / 32, 1) << 4);
        }
    }

    /** Scale, least, and in twelve bytes eight factors and eight lifts: those of the last four groups are split. */
    private void readSixBitScales() {
        scale = memory.get(SHORT, 0);
        least = memory.get(SHORT, 2);
        for (int g = 0; g < 4; g++) {
            factors[g] = bits(4 + g, 0, 6);
            lifts[g] = bits(8 + g, 0, 6);
            factors[4 + g] = bits(12 + g, 0, 4) | (bits(4 + g, 6, 2) << 4);
            lifts[4 + g] = bits(12 + g, 4, 4) | (bits(8 + g, 6, 2) << 4);
        }
    }

    private void readSixes() {
        scale = memory.get(SHORT, 208);
        for (int g = 0; g < 16; g++) {
            factors[g] = block[192 + g];
        }
        for (int k = 0; k < 256; k++) {
            int half = k / 128;
            codes[k] = bits(half * 64 + k % 64, k % 128 / 64 * 4, 4)
                    | (bits(128 + half * 32 + k % 32, k % 128 / 32 * 2, 2) << 4);
        }
    }

    private int bits(int at, int from, int count) {
        return ((block[at] & 0xff) >>> from) & ((1 << count) - 1);
    }
}
