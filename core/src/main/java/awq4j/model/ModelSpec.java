package awq4j.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A decoder language model as data; one forward pass runs them all.
 *
 * @param family short name, for example {@code llama}
 * @param hidden width of the residual stream
 * @param contextLength positions the model was made for
 */
public record ModelSpec(
        String family,
        int hidden,
        int vocabulary,
        int contextLength,
        Embedding embedding,
        List<BlockSpec> blocks,
        Head head) {
    /** Copies the list. */
    public ModelSpec {
        blocks = List.copyOf(blocks);
    }

    /** Whether the output matrix is the embedding. */
    public boolean tied() {
        return head.linear().name().equals(embedding.name());
    }

    /** The embedding's matrix, [vocabulary, width]. */
    public Linear table() {
        return new Linear(embedding.name(), vocabulary, embedding.width(), false);
    }

    /** The matrices outside the blocks, in the order in which they run; the head's only where it is not the embedding. */
    public List<Linear> outerLinears() {
        var linears = new ArrayList<Linear>();
        linears.add(table());
        Stream.of(embedding.projection(), head.projection(), tied() ? null : head.linear())
                .filter(Objects::nonNull)
                .forEach(linears::add);
        return linears;
    }

    /** The norms outside the blocks. */
    public List<Norm> outerNorms() {
        var norms = new ArrayList<Norm>();
        Stream.of(embedding.norm(), head.norm()).filter(Objects::nonNull).forEach(norms::add);
        return norms;
    }
}
