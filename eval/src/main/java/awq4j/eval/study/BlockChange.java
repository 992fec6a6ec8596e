package awq4j.eval.study;

import awq4j.model.BlockSpec;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantizedBlock;
import awq4j.weight.Weight;
import java.util.Map;

/** What a study does to a block of the model. */
@FunctionalInterface
public interface BlockChange {
    /**
     * Changes a block.
     *
     * @param weights its numbers, which may be changed in place: they are the block's own afterwards
     * @param capture what its linears saw, {@link BlockCapture#NONE} without calibration
     * @return the linears that are to run on codes, by tensor prefix; all others run on {@code weights}
     */
    Map<String, Weight> apply(BlockSpec spec, BlockWeights weights, BlockCapture capture);

    /** Whether a block's capture is to be of what the changed blocks before it put out, not the original ones. */
    default boolean seesChanged() {
        return false;
    }

    /** Whether it looks at the sums of what a block's linears saw, which are then counted once for all that do. */
    default boolean counts() {
        return false;
    }

    /** The same change, given the sums of what a block's linears saw. */
    static BlockChange counting(BlockChange change) {
        return new BlockChange() {
            @Override
            public Map<String, Weight> apply(BlockSpec spec, BlockWeights weights, BlockCapture capture) {
                return change.apply(spec, weights, capture);
            }

            @Override
            public boolean seesChanged() {
                return change.seesChanged();
            }

            @Override
            public boolean counts() {
                return true;
            }
        };
    }

    /** What a method of quantization does. */
    static BlockChange of(QuantMethod method, QuantScheme scheme) {
        return new BlockChange() {
            @Override
            public Map<String, Weight> apply(BlockSpec spec, BlockWeights weights, BlockCapture capture) {
                QuantizedBlock block = method.quantize(spec, weights, capture, scheme);
                weights.take(block);
                return block.linears();
            }

            @Override
            public boolean seesChanged() {
                return method.seesQuantized();
            }
        };
    }
}
