package awq4j.model;

import awq4j.kernel.AttentionShape;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a block: projections, optional norms on queries and keys (before rotation), shape.
 *
 * @param clip queries, keys and values are kept within it on both sides of zero as they leave their projections; 0 for no
 *     limit
 * @param queryNorm norm of queries, by head or over all heads as its size says; null without
 * @param keyNorm norm of keys, null without
 * @param rotary how queries and keys turn with their positions, null if they do not
 */
public record AttentionSpec(
        AttentionShape shape,
        Linear query,
        Linear key,
        Linear value,
        Linear output,
        float clip,
        @Nullable Norm queryNorm,
        @Nullable Norm keyNorm,
        @Nullable Rotary rotary) {
    /** An attention without clip and norms. */
    public AttentionSpec(
            AttentionShape shape, Linear query, Linear key, Linear value, Linear output, @Nullable Rotary rotary) {
        this(shape, query, key, value, output, 0, null, null, rotary);
    }
}
