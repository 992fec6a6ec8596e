package awq4j.eval.speed;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;

/**
 * What a model's linears have to do.
 *
 * @param blockWeights weights of all linears of the blocks
 * @param idleWeights how many of these belong to experts that a token does not go to; all others it is multiplied with
 * @param headWeights of the output matrix, which only the last token of a prompt meets
 */
public record ModelWork(long blockWeights, long idleWeights, long headWeights) {
    /** Counts a model's. */
    public static ModelWork of(ModelSpec spec) {
        long sum = 0;
        long idle = 0;
        for (BlockSpec block : spec.blocks()) {
            for (Linear linear : block.linears()) {
                sum += weights(linear);
            }
            idle += ParameterCount.idle(block);
        }
        return new ModelWork(sum, idle, weights(spec.head().linear()));
    }

    private static long weights(Linear linear) {
        return (long) linear.rows() * linear.columns();
    }

    /** Operations that the linears take for a prompt, a multiply-add counted as two; attention is not in it. */
    public double promptOperations(int tokens) {
        return 2.0 * (blockWeights - idleWeights) * tokens + 2.0 * headWeights;
    }
}
