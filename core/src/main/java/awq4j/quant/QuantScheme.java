package awq4j.quant;

import awq4j.format.awq.AwqPacking.Version;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;

/**
 * What weights become: codes of a few bits, one scale and zero for each group along a row.
 *
 * @param bits width of a code, 2 to 8
 * @param groupSize columns that share a scale; {@link #WHOLE_ROW} for one group a row
 * @param symmetric whether the zero is the middle code of every group
 * @param range how a group's range is found; for symmetric groups only whether it is searched
 * @param dense whether 4-bit codes, too, are packed as those of other widths are: for this project only, in any shape
 */
public record QuantScheme(int bits, int groupSize, boolean symmetric, Range range, boolean dense) {
    /** One group a row, as checkpoints write it. */
    public static final int WHOLE_ROW = -1;

    /** The paper's setting: INT4, groups of 128, asymmetric. */
    public static final QuantScheme INT4_G128 = new QuantScheme(4, 128, false, Range.REFERENCE);

    /** @throws IllegalArgumentException if bits or group size are out of range */
    public QuantScheme {
        if (bits < 2 || bits > 8) {
            throw new IllegalArgumentException("bits must be in [2, 8], was " + bits);
        }
        if (groupSize < 1 && groupSize != WHOLE_ROW) {
            throw new IllegalArgumentException("groupSize must be positive, or -1 for whole rows, was " + groupSize);
        }
    }

    /** A scheme whose 4-bit codes are packed as other programs read them. */
    public QuantScheme(int bits, int groupSize, boolean symmetric, Range range) {
        this(bits, groupSize, symmetric, range, false);
    }

    /** The same with codes of another width. */
    public QuantScheme withBits(int otherBits) {
        return new QuantScheme(otherBits, groupSize, symmetric, range, dense);
    }

    /** The same with ranges found in another way. */
    public QuantScheme withRange(Range other) {
        return new QuantScheme(bits, groupSize, symmetric, other, dense);
    }

    /** The same, packed as codes of any width are. */
    public QuantScheme packedDensely() {
        return new QuantScheme(bits, groupSize, symmetric, range, true);
    }

    /** How checkpoints pack the codes. */
    public Version version() {
        return dense ? Version.DENSE : Version.forBits(bits);
    }

    /** How the range of a group is found. */
    public enum Range {
        /** From the group's minimum to its maximum, as llm-awq and AutoAWQ do. A group of one sign is badly served. */
        REFERENCE,
        /** The same, extended to contain zero. */
        INCLUDE_ZERO,
        /**
         * That, shrunk by the factor of 1, 0.99, ... 0.21 that leaves the least sum of |error|^2.4 in the group: the
         * {@code mse} option of GPTQ's reference. Serves symmetric groups as well.
         */
        LEAST_ERROR
    }

    /** Columns a group of a row of {@code columns} values. */
    public int groupSizeFor(int columns) {
        return groupSize == WHOLE_ROW ? columns : groupSize;
    }

    /** The in-memory layout of a linear quantized by this scheme. */
    public Grouped layout(int columns) {
        return new Grouped(bits, groupSizeFor(columns), symmetric ? ZeroPoint.MIDDLE : ZeroPoint.INTEGER);
    }
}
