package awq4j.model;

import org.jspecify.annotations.Nullable;

/**
 * How the last hidden states become logits: {@code softcap(scale * linear(projection(norm(h))))}.
 *
 * @param norm null without
 * @param projection from the model's hidden size to the columns of {@code linear}, null where they are the same
 * @param linear the output matrix, [vocabulary, ...]; its name is the embedding's where it is the same matrix
 * @param scale factor on the logits, normally 1
 * @param softcap c of {@code c * tanh(logit / c)}, 0 without
 */
public record Head(@Nullable Norm norm, @Nullable Linear projection, Linear linear, float scale, float softcap) {
    /** A norm and a matrix. */
    public Head(Norm norm, Linear linear) {
        this(norm, null, linear, 1, 0);
    }
}
