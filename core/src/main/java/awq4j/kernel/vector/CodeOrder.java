package awq4j.kernel.vector;

import awq4j.kernel.Precision;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;

/**
 * How codes lie in the 32-bit lane of their row, and how groups follow each other. A lane has 8 codes of 4 bits or 4 of
 * 8 bits, even columns in the lower 16 bits, odd ones in the upper: for 16-bit lanes, which take two neighbouring columns
 * of a row, one shift brings a code of each. Four vectors of lanes are a block; a group has 1, 2, 4 or 8 blocks, the
 * last columns padding.
 *
 * <p>Groups here are the kernel's: the weight's, or pieces of them that divide {@link Precision#ACTIVATION_GROUP}.
 *
 * @param bits that a code takes, 4 or 8
 * @param groupSize columns of a group, without padding
 * @param groups in a row
 * @param blocks in a group, a power of two
 * @param halves whether scale and zero (or bias) of a row share a lane, the floats in float16; else each has one
 * @param biased whether a bias stands in place of the zero
 * @param sourceGroupSize columns that share a scale in the weight
 */
record CodeOrder(
        int bits,
        int groupSize,
        int columns,
        int groups,
        int blocks,
        boolean halves,
        boolean biased,
        int sourceGroupSize) {
    /** Vectors of codes in a block: their products fit 16-bit sums. */
    static final int LOADS = 4;

    static CodeOrder of(Grouped layout, int columns, boolean halves) {
        int source = Math.min(columns, layout.groupSize());
        int group = source;
        if (source > Precision.ACTIVATION_GROUP) {
            group = source == columns ? Precision.ACTIVATION_GROUP : divisor(source);
        }
        int codes = LOADS * 32 / layout.storageBits();
        int blocks = powerOfTwo(Math.ceilDiv(group, codes));
        return new CodeOrder(
                layout.storageBits(),
                group,
                columns,
                Math.ceilDiv(columns, group),
                blocks,
                halves,
                layout.zeroPoint() == ZeroPoint.FLOAT,
                source);
    }

    private static int divisor(int size) {
        return Math.min(Integer.lowestOneBit(size), Precision.ACTIVATION_GROUP);
    }

    private static int powerOfTwo(int n) {
        return n == 1 ? 1 : Integer.highestOneBit(n - 1) * 2;
    }

    /** Codes in an int. */
    int codes() {
        return 32 / bits;
    }

    /** Columns of a block. */
    int blockColumns() {
        return LOADS * codes();
    }

    /** Columns of a group with padding. */
    int width() {
        return blocks * blockColumns();
    }

    /** Columns of a row with padding. */
    int paddedColumns() {
        return groups * width();
    }

    /** First column of a group, in the matrix. */
    int start(int group) {
        return group * groupSize;
    }

    /** Columns of a group. */
    int length(int group) {
        return Math.min(groupSize, columns - start(group));
    }

    /** The weight's group that a group is part of. */
    int source(int group) {
        return start(group) / sourceGroupSize;
    }

    /** The place of a column's code in its int, in units of a code. */
    int placeOf(int column) {
        return column % 2 * (codes() / 2) + column / 2;
    }

    /** What a column's code is to be multiplied by when it is masked in its 16-bit half and not shifted down. */
    float factor(int column) {
        return 1f / (1 << (bits * (column % codes() / 2)));
    }

    /** Lowest code bits of a lane. */
    int mask() {
        return (1 << bits) - 1;
    }

    /** Bytes of scales and zeros before the codes of a group. */
    int headBytes() {
        return (halves ? 1 : 2) * Lanes.BYTES;
    }

    /** Bytes of one group of a vector of rows. */
    int groupBytes() {
        return headBytes() + blocks * LOADS * Lanes.BYTES;
    }

    /** Bytes of a vector of rows, group after group. */
    long vectorBytes() {
        return (long) groups * groupBytes();
    }

    /** Where a group of a vector of rows begins. */
    long place(int vector, int group) {
        return vector * vectorBytes() + (long) group * groupBytes();
    }
}
