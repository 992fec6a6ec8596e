package awq4j.quant.checkpoint;

import awq4j.weight.Weight;

/**
 * How a target holds a matrix.
 *
 * @param weight what will be stored
 * @param loss why that is not what came in, in a few words; empty if it is
 */
public record Held(Weight weight, String loss) {
    /** Just as it is. */
    public static Held exactly(Weight weight) {
        return new Held(weight, "");
    }
}
