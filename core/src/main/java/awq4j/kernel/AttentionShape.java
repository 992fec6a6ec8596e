package awq4j.kernel;

import org.jspecify.annotations.Nullable;

/**
 * What one attention layer computes: softmax(scale * q k^T + bias + causal mask) v.
 *
 * @param heads query heads; query head h reads key/value head {@code h / (heads / kvHeads)}
 * @param kvHeads key/value heads, divides {@code heads}
 * @param headDim values a head
 * @param scale factor on the scores, normally headDim^-0.5
 * @param window how many latest positions a token sees, itself included; 0 for all
 * @param alibiSlopes [heads], added as slope * (keyPosition - queryPosition); null without ALiBi
 */
public record AttentionShape(
        int heads, int kvHeads, int headDim, float scale, int window, float @Nullable [] alibiSlopes) {
    /** @throws IllegalArgumentException if heads do not divide evenly */
    public AttentionShape {
        if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0) {
            throw new IllegalArgumentException("attention: " + heads + " heads cannot share " + kvHeads + " kv heads");
        }
        if (headDim <= 0 || window < 0) {
            throw new IllegalArgumentException("attention: headDim " + headDim + ", window " + window);
        }
    }
}
