package awq4j.model;

import org.jspecify.annotations.Nullable;

/**
 * How tokens become the first hidden states: {@code norm(scale * projection(row of token) + row of position)}.
 *
 * @param name tensor prefix of the token embedding, [vocabulary, width]
 * @param width values a row
 * @param scale factor on the rows, normally 1
 * @param projection from width to the model's hidden size, null where they are the same
 * @param positions learned positions, null without
 * @param norm of the sum, null without
 */
public record Embedding(
        String name,
        int width,
        float scale,
        @Nullable Linear projection,
        @Nullable LearnedPositions positions,
        @Nullable Norm norm) {
    /** Rows of a table and nothing else. */
    public Embedding(String name, int width) {
        this(name, width, 1, null, null, null);
    }

    /** Rows of a table, with learned positions added. */
    public Embedding(String name, int width, LearnedPositions positions) {
        this(name, width, 1, null, positions, null);
    }
}
