package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import java.util.ArrayList;

/**
 * SmoothQuant (Xiao et al., 2023): moves a part of what is hard to round from activations into weights, so that both can
 * have 8 bits. Section 4, equation 4: channel j of the input of linears is divided by {@code s_j = max|X_j|^alpha /
 * max|W_j|^(1 - alpha)}, folded into the norm before them as AWQ's scales are, and the columns of the linears are
 * multiplied by it. As in the paper only inputs that a norm makes are smoothed; then weights are rounded to nearest.
 *
 * <p>Meant for 8 bits and a precision that rounds activations ({@link awq4j.kernel.Precision#W8A8}).
 */
public final class SmoothQuant implements QuantMethod {
    /** The least scale, as the authors' program has it. */
    private static final float LEAST = 1e-5f;

    private final float alpha;

    /**
     * The method with its one setting.
     *
     * @param alpha migration strength, 0 to 1: how much of the range of activations goes into the weights; the paper's
     *     choice for most models is 0.5
     * @throws IllegalArgumentException if it is not from 0 to 1
     */
    public SmoothQuant(double alpha) {
        if (!(alpha >= 0 && alpha <= 1)) {
            throw new IllegalArgumentException("alpha must be in [0, 1], was " + alpha);
        }
        this.alpha = (float) alpha;
    }

    @Override
    public String name() {
        return "smoothquant";
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        return new FromRecipe(name(), block -> recipe(block, weights, capture))
                .quantize(spec, weights, capture, scheme);
    }

    private BlockRecipe recipe(BlockSpec spec, BlockWeights weights, BlockCapture capture) {
        BlockRecipe plain = BlockRecipe.plain(spec.index());
        var scales = new ArrayList<BlockRecipe.GroupScale>();
        for (ScaleGroup group : spec.scaleGroups()) {
            if (group.fold() instanceof Fold.IntoNorm && Folding.possible(group)) {
                scales.add(new BlockRecipe.GroupScale(
                        Folding.target(group),
                        group.linears().stream().map(Linear::name).toList(),
                        alpha,
                        scale(group, weights, capture)));
            }
        }
        return new BlockRecipe(spec.index(), scales, plain.clips());
    }

    private float[] scale(ScaleGroup group, BlockWeights weights, BlockCapture capture) {
        int columns = group.linears().getFirst().columns();
        float[] inputs = new float[columns];
        float[] columnsOfWeights = new float[columns];
        Linear seen = null;
        for (Linear linear : group.linears()) {
            if (seen == null || !capture.sameInput(seen, linear)) {
                raise(inputs, capture.input(linear.name()));
            }
            seen = linear;
            raise(columnsOfWeights, weights.values(linear.name()));
        }
        float[] scale = new float[columns];
        for (int c = 0; c < columns; c++) {
            double ratio = Math.pow(inputs[c], alpha) / Math.pow(Math.max(columnsOfWeights[c], LEAST), 1 - alpha);
            // a channel that calibration never saw at work is left alone: divided by next to nothing it would overflow
            scale[c] = inputs[c] > 0 && Double.isFinite(ratio) ? Math.max((float) ratio, LEAST) : 1;
        }
        return scale;
    }

    /** {@code greatest[c] = max(greatest[c], |values[r][c]|)} over all rows. */
    private static void raise(float[] greatest, float[] values) {
        for (int start = 0; start < values.length; start += greatest.length) {
            for (int c = 0; c < greatest.length; c++) {
                greatest[c] = Math.max(greatest[c], Math.abs(values[start + c]));
            }
        }
    }
}
