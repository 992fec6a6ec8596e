package awq4j.model;

import java.util.List;

/**
 * A decoder language model as data; one forward pass runs them all.
 *
 * @param family short name, for example {@code llama}
 * @param hidden width of the residual stream
 * @param contextLength positions the model was made for
 * @param embedding tensor prefix of the token embedding, [vocabulary, hidden]
 * @param head the output projection; its name equals {@code embedding} where tied
 */
public record ModelSpec(
        String family,
        int hidden,
        int vocabulary,
        int contextLength,
        String embedding,
        Positions positions,
        List<BlockSpec> blocks,
        Norm finalNorm,
        Linear head) {
    /** Copies the list. */
    public ModelSpec {
        blocks = List.copyOf(blocks);
    }

    /** Whether the output projection is the embedding. */
    public boolean tied() {
        return head.name().equals(embedding);
    }
}
