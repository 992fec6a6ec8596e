package awq4j.testing;

import awq4j.weight.BlockParts;
import awq4j.weight.GgufType;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;

/** How far sums of float32 products may lie from the definition's. */
public final class Tolerance {
    /** Half the distance from 1 to the next float. */
    private static final double UNIT = 0x1p-24;

    private Tolerance() {}

    /**
     * 4 sqrt(n) u times the sum of the products' magnitudes: measured, the worst error stays below 1 sqrt(n) u times it.
     *
     * @param magnitude sum over i of |x_i y_i|
     */
    public static double ofSum(double magnitude, int n) {
        return 4 * Math.sqrt(n) * UNIT * magnitude;
    }

    /**
     * For row {@code row} of a weight times the {@code columns} values of x from {@code at} on. Of coded weights the
     * kernels may sum code * x and zero * x (or bias * x) apart, and round in each sum: there a product's magnitude is
     * that of both. So with what is taken away from the groups of a GGUF block.
     */
    public static double ofRow(Weight weight, int row, float[] x, int at) {
        double[] magnitudes = magnitudes(weight, row);
        double magnitude = 0;
        InputOrder order = weight.inputOrder();
        for (int k = 0; k < magnitudes.length; k++) {
            int input = order == null ? k : order.input(k);
            magnitude += Math.abs((double) x[at + input]) * magnitudes[k];
        }
        return ofSum(magnitude, magnitudes.length) + Float.MIN_NORMAL;
    }

    private static double[] magnitudes(Weight weight, int row) {
        double[] out = new double[weight.columns()];
        switch (weight.layout()) {
            case Dense ignored -> {
                float[] values = new float[out.length];
                WeightCodec.decodeStored(weight, row, values, 0);
                for (int k = 0; k < out.length; k++) {
                    out[k] = Math.abs(values[k]);
                }
            }
            case Grouped grouped -> {
                for (int k = 0; k < out.length; k++) {
                    int group = k / grouped.groupSize();
                    double scale = Math.abs(WeightCodec.scale(weight, grouped, row, group));
                    int code = WeightCodec.code(weight, grouped, row, k);
                    out[k] = grouped.zeroPoint() == ZeroPoint.FLOAT
                            ? scale * code + Math.abs(WeightCodec.bias(weight, grouped, row, group))
                            : scale * (code + WeightCodec.zero(weight, grouped, row, group));
                }
            }
            case GgufBlock blocks -> {
                GgufType type = blocks.type();
                var parts = new BlockParts(type);
                for (int k = 0; k < out.length; k++) {
                    int column = k % type.blockColumns();
                    if (column == 0) {
                        long block = k / type.blockColumns();
                        parts.read(weight.values(), row * blocks.rowBytes(out.length) + block * type.blockBytes());
                    }
                    int group = column / type.groupSize();
                    out[k] = Math.abs(parts.groupScale(group)) * (parts.code(column) + type.zero())
                            + Math.abs(parts.groupLeast(group));
                }
            }
        }
        return out;
    }
}
