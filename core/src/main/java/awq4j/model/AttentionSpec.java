package awq4j.model;

import awq4j.kernel.AttentionShape;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a block: projections, optional per-head norms on queries and keys (before rotation), shape.
 *
 * @param queryNorm RMS norm over headDim values, null without
 * @param keyNorm RMS norm over headDim values, null without
 */
public record AttentionSpec(
        AttentionShape shape,
        Linear query,
        Linear key,
        Linear value,
        Linear output,
        @Nullable Norm queryNorm,
        @Nullable Norm keyNorm) {}
