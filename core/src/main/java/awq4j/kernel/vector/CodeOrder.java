package awq4j.kernel.vector;

import awq4j.weight.WeightLayout.Grouped;

/**
 * How codes lie in the 32-bit lane of their row, and how groups follow each other: 8 codes of 4 bits or 4 of 8 bits,
 * even columns in the lower 16 bits, odd ones in the upper: one shift gives the other half, and kernels on 16-bit lanes
 * could read them too.
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

    /** The place of a column's code: the inverse of {@link #column}. */
    int placeOf(int column) {
        return column % 2 * (codes() / 2) + column / 2;
    }

    /** What a code at a place is to be multiplied by when it is masked in its 16-bit half and not shifted down. */
    float factor(int place) {
        return 1f / (1 << (bits * (place % (codes() / 2))));
    }

    /** Lowest code bits of each 16-bit half of a lane. */
    int mask() {
        return (1 << bits) - 1;
    }

    /** Bytes of one vector of rows in a group: scales, zeros, codes. */
    int vectorBytes(int group) {
        return (2 + loads(group)) * Lanes.BYTES;
    }

    /** Bytes of all groups of one vector of rows. */
    long rowsBytes() {
        return (groups - 1L) * vectorBytes(0) + vectorBytes(groups - 1);
    }

    /**
     * Where a vector of rows begins in a group. Panels follow each other; in a panel groups do; in a group the panel's
     * vectors, so that one token's product reads the memory from front to back.
     *
     * @param vector counted from the first row
     * @param vectors of all rows; the last panel may have fewer than the others
     */
    long place(int vector, int group, int vectors) {
        int panel = vector / Lanes.PANEL_VECTORS;
        int height = Math.min(Lanes.PANEL_VECTORS, vectors - panel * Lanes.PANEL_VECTORS);
        return (long) panel * Lanes.PANEL_VECTORS * rowsBytes()
                + (long) group * height * vectorBytes(0)
                + (long) vector % Lanes.PANEL_VECTORS * vectorBytes(group);
    }
}
