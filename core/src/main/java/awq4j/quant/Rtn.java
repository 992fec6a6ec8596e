package awq4j.quant;

import awq4j.model.BlockSpec;

/** Plain rounding to nearest: no data, no search. What every other method is measured against. */
public final class Rtn implements QuantMethod {
    /** The method has no settings. */
    public Rtn() {}

    @Override
    public String name() {
        return "rtn";
    }

    @Override
    public boolean calibrated() {
        return false;
    }

    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        return new FromRecipe(name(), block -> BlockRecipe.plain(block.index()))
                .quantize(spec, weights, capture, scheme);
    }
}
