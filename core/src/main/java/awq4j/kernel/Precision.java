package awq4j.kernel;

import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;

/**
 * In what arithmetic weights meet activations; named by the bits of both. A declared choice: backends never change it by
 * themselves.
 */
public enum Precision {
    /** Activations stay float32, and so do products and sums: what calibration and evaluation use. */
    W4A16,
    /**
     * Activations that meet codes of at most 4 bits are rounded to 8 bits, symmetrically, by the greatest magnitude of
     * each group of columns (of each 128 where groups are larger); products are summed in integers within a group. A
     * quantized model's output matrix in 16 bits is rounded to 8 bits, when it is placed. All else is as in
     * {@link #W4A16}.
     */
    W4A8,
    /**
     * As {@link #W4A8}, and activations that meet longer codes in groups are rounded, too: the output matrix that was
     * rounded, and linears of 5 to 8 bits; their products are summed in floats. GGUF's blocks of 5 and 6 bits meet
     * float32 activations here as well.
     */
    W8A8;

    /** Most columns whose activations share a scale where they are rounded. */
    public static final int ACTIVATION_GROUP = 128;

    /** Columns of a weight's group if activations that meet it are rounded, 0 if they are not. */
    public int roundedGroup(WeightLayout layout) {
        if (this == W4A16) {
            return 0;
        }
        return switch (layout) {
            case Dense ignored -> 0;
            case Grouped grouped -> grouped.bits() <= 4 || this == W8A8 ? grouped.groupSize() : 0;
            case GgufBlock blocks -> blocks.type().bits() <= 4 ? blocks.type().groupSize() : 0;
        };
    }

    /** The name in reports and on the command line, in lower case. */
    public String label() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
