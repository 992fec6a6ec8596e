package awq4j.model;

import awq4j.kernel.AttentionShape;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a block: projections, optional norms on queries and keys (before rotation), shape.
 *
 * @param queryNorm RMS norm of queries, by head or over all heads as its size says; null without
 * @param keyNorm RMS norm of keys, null without
 * @param rotary how queries and keys turn with their positions, null if they do not
 */
public record AttentionSpec(
        AttentionShape shape,
        Linear query,
        Linear key,
        Linear value,
        Linear output,
        @Nullable Norm queryNorm,
        @Nullable Norm keyNorm,
        @Nullable Rotary rotary) {}
