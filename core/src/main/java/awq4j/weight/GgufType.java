package awq4j.weight;

/**
 * Encodings of GGUF files that stay as they are stored: blocks of 32 or 256 columns of a row, with scales of their own.
 * {@link BlockParts} says what a block holds.
 */
public enum GgufType {
    /** 32 columns: float16 scale, high bits, nibbles; the zero is 16. */
    Q5_0(5, 32, 32, 22),
    /** 32 columns: float16 scale and least value, high bits, nibbles. */
    Q5_1(5, 32, 32, 24),
    /** 256 columns in groups of 16: scales and minima of 4 bits each. */
    Q2_K(2, 16, 256, 84),
    /** 256 columns in groups of 16: signed scales of 6 bits; the zero is 4. */
    Q3_K(3, 16, 256, 110),
    /** 256 columns in groups of 32: scales and minima of 6 bits each. */
    Q4_K(4, 32, 256, 144),
    /** 256 columns in groups of 32: scales and minima of 6 bits each. */
    Q5_K(5, 32, 256, 176),
    /** 256 columns in groups of 16: signed scales of 8 bits; the zero is 32. */
    Q6_K(6, 16, 256, 210);

    private final int bits;
    private final int groupSize;
    private final int blockColumns;
    private final int blockBytes;

    GgufType(int bits, int groupSize, int blockColumns, int blockBytes) {
        this.bits = bits;
        this.groupSize = groupSize;
        this.blockColumns = blockColumns;
        this.blockBytes = blockBytes;
    }

    /** Width of a code. */
    public int bits() {
        return bits;
    }

    /** Columns that share a scale. */
    public int groupSize() {
        return groupSize;
    }

    /** Columns of a block; a row is a whole number of blocks. */
    public int blockColumns() {
        return blockColumns;
    }

    /** Bytes of a block in the file. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Groups of a block. */
    public int groups() {
        return blockColumns / groupSize;
    }

    /** The code that stands for no value of its own: half of all codes where there are no minima, else 0. */
    public int zero() {
        return switch (this) {
            case Q5_0, Q3_K, Q6_K -> 1 << (bits - 1);
            case Q5_1, Q2_K, Q4_K, Q5_K -> 0;
        };
    }
}
