package awq4j.kernel.vector;

import awq4j.weight.WeightLayout.Grouped;

/**
 * How codes lie in the 32-bit lane of their row, and how groups follow each other: 8 codes of 4 bits or 4 of 8 bits,
 * even columns in the lower 16 bits, odd ones in the upper, so that kernels on 16-bit lanes can read them too.
 *
 * @param bits that a code takes, 4 or 8
 * @param groups in a row
 * @param loads ints that a row takes in one group
 * @param lastLoads ints in the last group, which may be shorter
 */
record CodeOrder(int bits, int groupSize, int columns, int groups, int loads, int lastLoads) {
    static CodeOrder of(Grouped layout, int columns) {
        int codes = 32 / layout.storageBits();
        int groups = layout.groups(columns);
        int group = Math.min(columns, layout.groupSize());
        int last = columns - (groups - 1) * group;
        return new CodeOrder(
                layout.storageBits(), group, columns, groups, (group + codes - 1) / codes, (last + codes - 1) / codes);
    }

    /** Codes in an int. */
    int codes() {
        return 32 / bits;
    }

    /** Columns counted with the padding at the end of each group. */
    int paddedColumns() {
        return ((groups - 1) * loads + lastLoads) * codes();
    }

    /** Ints of a row in a group. */
    int loads(int group) {
        return group == groups - 1 ? lastLoads : loads;
    }

    /** First column of a group, in the matrix. */
    int start(int group) {
        return group * groupSize;
    }

    /** Columns of a group. */
    int length(int group) {
        return Math.min(groupSize, columns - start(group));
    }

    /** First column of a group, padding counted. */
    int paddedStart(int group) {
        return group * loads * codes();
    }

    /** The column, within an int's codes, of the code at bit {@code bits * place}. */
    int column(int place) {
        int half = codes() / 2;
        return 2 * (place % half) + place / half;
    }

    /** Bytes of a group of two vectors of rows: scales, zeros, codes. */
    long recordBytes(int group) {
        return (4L + 2L * loads(group)) * Lanes.BYTES;
    }

    /** Bytes of all groups of two vectors of rows. */
    long bandBytes() {
        return (groups - 1) * recordBytes(0) + recordBytes(groups - 1);
    }
}
