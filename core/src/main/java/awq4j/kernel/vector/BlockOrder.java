package awq4j.kernel.vector;

import awq4j.weight.GgufType;

/**
 * How GGUF's blocks lie with rows in lanes. For each vector of rows, each block: a vector of scales (float16, the lower
 * half of a lane) and leasts (the upper half); in blocks of 256 columns four vectors of what the groups multiply those
 * by, a byte or two a group; then the codes, in pieces of 16 or 32 columns.
 *
 * <p>A code's bits lie in two planes, as in the file: the lower 2 or 4, and what is above them. Codes of up to 4 bits
 * are put together to nibbles, eight to a lane, as {@link FourBits} has them, longer ones to bytes, four to a lane, as
 * {@link EightBits} has them: even columns in the lower 16 bits, odd ones in the upper. A vector of nibbles or bytes is a
 * form here; the planes lie so that one shift and one mask bring a form's part into its place.
 */
record BlockOrder(GgufType type, int columns) {
    /** Groups of a block of 256 columns share this many vectors: each has the bytes of 64 columns. */
    private static final int FACTORS = 4;

    /** Blocks in a row. */
    int blocks() {
        return columns / type.blockColumns();
    }

    /** Groups in a row. */
    int groups() {
        return columns / type.groupSize();
    }

    /** Whether codes are put together to nibbles, not to bytes. */
    boolean nibbles() {
        return type.bits() <= 4;
    }

    /** Columns of a form. */
    int formColumns() {
        return nibbles() ? 8 : 4;
    }

    /** Columns of a piece. */
    int pieceColumns() {
        return switch (type) {
            case Q2_K, Q6_K -> 16;
            case Q3_K, Q4_K, Q5_K, Q5_0, Q5_1 -> 32;
        };
    }

    /** Pieces of a block, a power of two. */
    int pieces() {
        return type.blockColumns() / pieceColumns();
    }

    /** Vectors of a piece. */
    int pieceVectors() {
        return pieceColumns() * type.bits() / 32;
    }

    /** Bytes before the codes of a block. */
    int headBytes() {
        return (type.blockColumns() == 256 ? 1 + FACTORS : 1) * Lanes.BYTES;
    }

    /** Bytes of one block of a vector of rows. */
    int blockBytes() {
        return headBytes() + pieces() * pieceVectors() * Lanes.BYTES;
    }

    /** Bytes of a vector of rows, block after block. */
    long vectorBytes() {
        return (long) blocks() * blockBytes();
    }

    /** Where a block of a vector of rows begins. */
    long place(int vector, int block) {
        return vector * vectorBytes() + (long) block * blockBytes();
    }

    /** Bits of a code that lie in the lower plane. */
    int lowBits() {
        return type.bits() < 4 ? 2 : 4;
    }

    /** The vector of a piece that has the lower bits of a column, and above 5 bits their place in a lane. */
    int low(int column) {
        int form = column / formColumns();
        return switch (type) {
            case Q4_K -> at(form, 4 * nibble(column));
            case Q2_K, Q3_K -> at(form / 2, 4 * nibble(column) + 2 * (form % 2));
            case Q5_0, Q5_1, Q5_K, Q6_K -> at(form / 2, 8 * octet(column) + 4 * (form % 2));
        };
    }

    /** As {@link #low} for the bits above; of no meaning to types that have none. */
    int high(int column) {
        int form = column / formColumns();
        return switch (type) {
            case Q2_K, Q4_K -> 0;
            case Q3_K -> at(2, 4 * nibble(column) + form);
            case Q5_0, Q5_1, Q5_K -> at(4, 8 * octet(column) + form);
            case Q6_K -> at(2, 8 * octet(column) + 2 * form);
        };
    }

    private static int at(int vector, int bit) {
        return 32 * vector + bit;
    }

    private static int nibble(int column) {
        return column % 2 * 4 + column % 8 / 2;
    }

    private static int octet(int column) {
        return column % 2 * 2 + column % 4 / 2;
    }

    /** What a column's code is to be multiplied by when it is masked in the half of its lane and not shifted down. */
    float factor(int column) {
        return nibbles() ? 1f / (1 << (4 * (column % 8 / 2))) : 1f / (1 << (8 * (column % 4 / 2)));
    }
}
