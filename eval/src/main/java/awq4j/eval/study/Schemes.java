package awq4j.eval.study;

import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.checkpoint.MethodChoice;

/** What weights become in studies. */
final class Schemes {
    private Schemes() {}

    /** As quantize has it unless told otherwise: the range of a group contains zero where GPTQ rounds. */
    static QuantScheme usual(int bits, int group, MethodChoice method) {
        return new QuantScheme(bits, group, false, method.gram() ? Range.INCLUDE_ZERO : Range.REFERENCE);
    }
}
