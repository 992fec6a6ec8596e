package awq4j.model;

import java.util.List;
import java.util.stream.Stream;

/**
 * One decoder layer as data: {@code h = h + attention(norm(h)); h = h + mlp(norm(h))}.
 *
 * @param index layer number, from 0
 * @param scaleGroups AWQ's groups in folding order
 */
public record BlockSpec(
        int index, Norm attentionNorm, AttentionSpec attention, Norm mlpNorm, Mlp mlp, List<ScaleGroup> scaleGroups) {
    /** Copies the list. */
    public BlockSpec {
        scaleGroups = List.copyOf(scaleGroups);
    }

    /** All linears, in the order in which they run. */
    public List<Linear> linears() {
        var first = Stream.of(attention.query(), attention.key(), attention.value(), attention.output());
        var second = switch (mlp) {
            case Mlp.Gated gated -> Stream.of(gated.gate(), gated.up(), gated.down());
            case Mlp.Plain plain -> Stream.of(plain.input(), plain.output());
        };
        return Stream.concat(first, second).toList();
    }

    /** All norms, per-head ones included. */
    public List<Norm> norms() {
        return Stream.of(attentionNorm, attention.queryNorm(), attention.keyNorm(), mlpNorm)
                .filter(java.util.Objects::nonNull)
                .map(Norm.class::cast)
                .toList();
    }
}
