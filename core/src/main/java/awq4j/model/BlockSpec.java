package awq4j.model;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * One decoder layer as data.
 *
 * @param index layer number, from 0
 * @param residual how attention and MLP are joined, and with which norms
 * @param scaleGroups AWQ's groups in folding order
 */
public record BlockSpec(int index, Residual residual, AttentionSpec attention, Mlp mlp, List<ScaleGroup> scaleGroups) {
    /** Copies the list. */
    public BlockSpec {
        scaleGroups = List.copyOf(scaleGroups);
    }

    /** All linears, in the order in which they run. */
    public List<Linear> linears() {
        var first = Stream.of(attention.query(), attention.key(), attention.value(), attention.output());
        return Stream.concat(first, mlp.linears().stream()).toList();
    }

    /**
     * Whether a linear decides which experts run, or how much one counts. Such linears are few and small, and an error in
     * them sends tokens elsewhere: they stay unquantized.
     */
    public boolean steers(Linear linear) {
        return mlp instanceof Mlp.Experts experts && experts.steers(linear);
    }

    /** The linears that a method may quantize: all but those that steer. */
    public List<Linear> quantizable() {
        return linears().stream().filter(linear -> !steers(linear)).toList();
    }

    /** All norms, those of queries and keys included. */
    public List<Norm> norms() {
        return Stream.concat(
                        residual.norms().stream(),
                        Stream.of(attention.queryNorm(), attention.keyNorm())
                                .filter(Objects::nonNull)
                                .map(Norm.class::cast))
                .toList();
    }

    /** The first linear, in running order, whose input is the same as that of {@code linear}. */
    public Linear source(Linear linear) {
        if (linear.equals(attention.key()) || linear.equals(attention.value())) {
            return attention.query();
        }
        Linear first = mlp.source(linear);
        boolean shared = residual instanceof Residual.Parallel parallel
                && parallel.shared()
                && first.equals(mlp.linears().getFirst());
        return shared ? attention.query() : first;
    }
}
