package awq4j.kernel.vector;

import awq4j.kernel.Precision;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.function.IntUnaryOperator;

/**
 * How codes lie in the 32-bit lane of their row, and how groups follow each other. A lane has 8 codes of 4 bits or 4 of
 * 8 bits, even columns in the lower 16 bits, odd ones in the upper: for 16-bit lanes, which take two neighbouring columns
 * of a row, one shift brings a code of each. Codes of 2 and 3 bits lie as pieces of {@link BlockOrder} do: a lane of two
 * bits each of 16 columns; two of those and one of the third bits of their 32 columns. Four vectors of lanes are a block,
 * of 2 bits one, of 3 bits three; a group has 1, 2, 4 or 8 blocks, the last columns padding.
 *
 * <p>Groups here are the kernel's: the weight's, or pieces of them that divide {@link Precision#ACTIVATION_GROUP}.
 *
 * @param bits that a code takes: 2, 3, 4 or 8
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
    /** Columns of 4 bits that a vector of lanes has in the form that sums are made of. */
    private static final int FORM = 8;

    static CodeOrder of(Grouped layout, int columns, boolean halves) {
        int bits = bits(layout);
        int source = Math.min(columns, layout.groupSize());
        int group = source;
        if (source > Precision.ACTIVATION_GROUP) {
            group = source == columns ? Precision.ACTIVATION_GROUP : divisor(source);
        }
        int blocks = powerOfTwo(Math.ceilDiv(group, blockColumns(bits)));
        return new CodeOrder(
                bits,
                group,
                columns,
                Math.ceilDiv(columns, group),
                blocks,
                halves,
                layout.zeroPoint() == ZeroPoint.FLOAT,
                source);
    }

    /** The fewest bits that the kernels know for a layout's codes. */
    private static int bits(Grouped layout) {
        return layout.bits() <= 4 ? layout.bits() : 8;
    }

    private static int divisor(int size) {
        return Math.min(Integer.lowestOneBit(size), Precision.ACTIVATION_GROUP);
    }

    private static int powerOfTwo(int n) {
        return n == 1 ? 1 : Integer.highestOneBit(n - 1) * 2;
    }

    /** Columns of a block. */
    int blockColumns() {
        return blockColumns(bits);
    }

    private static int blockColumns(int bits) {
        return bits == 2 || bits == 8 ? 16 : 32;
    }

    /** Vectors of codes in a block. */
    int blockVectors() {
        return blockColumns() * bits / 32;
    }

    /** Sums that a block's products make: of 16 columns in codes of 3 bits, else of all. */
    int blockSums() {
        return bits == 3 ? 2 : 1;
    }

    /** Sums of a group. */
    int sums() {
        return blocks * blockSums();
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

    /** Vectors of 4 bits for each of 8 columns, or of 8 for each of 4, that a group's codes unfold to. */
    int forms() {
        return width() * (bits == 8 ? 8 : 4) / 32;
    }

    /** The code of a column, counted from the start of its group, whose lane has {@code vector} as its ints. */
    int code(int column, IntUnaryOperator vector) {
        int within = column % blockColumns();
        int first = column / blockColumns() * blockVectors();
        int place = 4 * (column % 2 * 4 + column % FORM / 2);
        int form = within / FORM;
        return switch (bits) {
            case 2 -> (vector.applyAsInt(first) >>> (place + 2 * form)) & 3;
            case 3 -> {
                int low = (vector.applyAsInt(first + form / 2) >>> (place + 2 * (form % 2))) & 3;
                yield low | ((vector.applyAsInt(first + 2) >>> (place + form)) & 1) << 2;
            }
            case 4 -> (vector.applyAsInt(first + form) >>> place) & 15;
            default -> (vector.applyAsInt(first + within / 4) >>> (8 * (column % 2 * 2 + column % 4 / 2))) & 255;
        };
    }

    /** What a column's code is to be multiplied by when it is masked in its 16-bit half and not shifted down. */
    float factor(int column) {
        return bits == 8 ? 1f / (1 << (8 * (column % 4 / 2))) : 1f / (1 << (4 * (column % FORM / 2)));
    }

    /** Bytes of scales and zeros before the codes of a group. */
    int headBytes() {
        return (halves ? 1 : 2) * Lanes.BYTES;
    }

    /** Vectors of rows that lie side by side: a group's heads, then codes in turns. The same columns meet both. */
    int abreast() {
        return bits == 4 ? 2 : 1;
    }

    /** Bytes of one group of a vector of rows. */
    int groupBytes() {
        return headBytes() + blocks * blockVectors() * Lanes.BYTES;
    }

    /** Bytes of a vector of rows, all groups. */
    long vectorBytes() {
        return (long) groups * groupBytes();
    }

    /** Where a group of a vector of rows, and of those beside it, begins. */
    private long start(int vector, int group) {
        int sides = abreast();
        return vector / sides * (sides * vectorBytes()) + (long) group * sides * groupBytes();
    }

    /** Where the head of a group of a vector of rows begins. */
    long place(int vector, int group) {
        return start(vector, group) + vector % abreast() * (long) headBytes();
    }

    /** Where the codes of a group of a vector of rows begin. */
    long codes(int vector, int group) {
        return start(vector, group) + abreast() * (long) headBytes() + vector % abreast() * (long) Lanes.BYTES;
    }

    /** Bytes from one of these vectors of codes to the next. */
    long codeStep() {
        return (long) abreast() * Lanes.BYTES;
    }
}
