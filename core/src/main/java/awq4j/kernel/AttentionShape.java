package awq4j.kernel;

import awq4j.tensor.FloatFormats;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What one attention layer computes: softmax(cap(scale * q k^T) + bias + causal mask) v.
 *
 * @param heads query heads; query head h reads key/value head {@code h / (heads / kvHeads)}
 * @param kvHeads key/value heads, divides {@code heads}
 * @param headDim values a head
 * @param scale factor on the scores, normally headDim^-0.5
 * @param window how many latest positions a token sees, itself included; 0 for all
 * @param softcap c of cap(x) = c * tanh(x / c), which keeps scores small; 0 for scores as they are
 * @param alibiSlopes [heads], added as slope * (keyPosition - queryPosition); null without ALiBi
 * @param alibiRounded whether scale * bfloat16(slope * bfloat16(keyPosition)) is added in place of that, as Falcon does:
 *     rounding makes steps of the line, which a model that was trained on them knows
 */
public record AttentionShape(
        int heads,
        int kvHeads,
        int headDim,
        float scale,
        int window,
        float softcap,
        float @Nullable [] alibiSlopes,
        boolean alibiRounded) {
    /** @throws IllegalArgumentException if heads do not divide evenly */
    public AttentionShape {
        if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0) {
            throw new IllegalArgumentException("attention: " + heads + " heads cannot share " + kvHeads + " kv heads");
        }
        if (headDim <= 0 || window < 0 || !(softcap >= 0)) {
            throw new IllegalArgumentException(
                    "attention: headDim " + headDim + ", window " + window + ", softcap " + softcap);
        }
        if (alibiSlopes != null && alibiSlopes.length != heads) {
            throw new IllegalArgumentException("attention: " + alibiSlopes.length + " slopes for " + heads + " heads");
        }
    }

    /** A layer whose biases are not rounded. */
    public AttentionShape(
            int heads,
            int kvHeads,
            int headDim,
            float scale,
            int window,
            float softcap,
            float @Nullable [] alibiSlopes) {
        this(heads, kvHeads, headDim, scale, window, softcap, alibiSlopes, false);
    }

    /** A layer without a soft cap. */
    public AttentionShape(
            int heads, int kvHeads, int headDim, float scale, int window, float @Nullable [] alibiSlopes) {
        this(heads, kvHeads, headDim, scale, window, 0, alibiSlopes);
    }

    /** What is added to a head's score of a key at one position for a query at another; 0 without ALiBi. */
    public float bias(int head, int key, int query) {
        if (alibiSlopes == null) {
            return 0;
        }
        return alibiRounded
                ? scale * FloatFormats.roundToBf16(alibiSlopes[head] * FloatFormats.roundToBf16(key))
                : alibiSlopes[head] * (key - query);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof AttentionShape that
                && heads == that.heads
                && kvHeads == that.kvHeads
                && headDim == that.headDim
                && Float.compare(scale, that.scale) == 0
                && window == that.window
                && Float.compare(softcap, that.softcap) == 0
                && Arrays.equals(alibiSlopes, that.alibiSlopes)
                && alibiRounded == that.alibiRounded;
    }

    @Override
    public int hashCode() {
        return Objects.hash(
                heads, kvHeads, headDim, scale, window, softcap, Arrays.hashCode(alibiSlopes), alibiRounded);
    }
}
