package awq4j.model.family;

import awq4j.kernel.Activation;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.Norm;
import awq4j.model.Residual;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.ScaleGroup.Inspect;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * AWQ's groups, as they follow from what a block is: an input that a norm makes takes a scale if all that read it are in
 * the group; the output projection takes one through the values, the last linear of an MLP through what it is multiplied
 * with or through the activation.
 */
final class ScaleGroups {
    private ScaleGroups() {}

    /** A block with its groups. */
    static BlockSpec block(int index, Residual residual, AttentionSpec attention, Mlp mlp) {
        var groups = new ArrayList<ScaleGroup>();
        List<Linear> firstOfAttention = List.of(attention.query(), attention.key(), attention.value());
        List<Linear> firstOfMlp = firstOf(mlp);
        Optional<Norm> shared = shared(residual);
        if (shared.isPresent()) {
            var all = new ArrayList<>(firstOfAttention);
            all.addAll(firstOfMlp);
            groups.add(new ScaleGroup(all, new Fold.IntoNorm(shared.get()), Inspect.BLOCK));
        } else {
            beforeAttention(residual)
                    .ifPresent(norm ->
                            groups.add(new ScaleGroup(firstOfAttention, new Fold.IntoNorm(norm), Inspect.ATTENTION)));
        }
        if (attention.clip() == 0) { // a clip of v / s is not that of v, divided by s
            var shape = attention.shape();
            groups.add(new ScaleGroup(
                    List.of(attention.output()),
                    new Fold.IntoRows(attention.value(), shape.headDim(), shape.heads() / shape.kvHeads()),
                    Inspect.LINEARS));
        }
        if (shared.isEmpty()) {
            beforeMlp(residual)
                    .ifPresent(norm -> groups.add(new ScaleGroup(firstOfMlp, new Fold.IntoNorm(norm), inspect(mlp))));
        }
        groups.addAll(lastOf(mlp));
        return new BlockSpec(index, residual, attention, mlp, groups);
    }

    private static Optional<Norm> shared(Residual residual) {
        return residual instanceof Residual.Parallel parallel && parallel.shared()
                ? Optional.of(parallel.attention())
                : Optional.empty();
    }

    /** The norm whose output the attention reads, and nothing else does. */
    private static Optional<Norm> beforeAttention(Residual residual) {
        return switch (residual) {
            case Residual.Sequential own -> Optional.of(own.attention());
            case Residual.Parallel own -> Optional.of(own.attention());
            case Residual.Sandwich own -> Optional.of(own.attention());
            case Residual.PostNorm own -> Optional.empty(); // the residual stream goes on from the same output
            case Residual.OutputNorm own -> Optional.empty();
        };
    }

    private static Optional<Norm> beforeMlp(Residual residual) {
        return switch (residual) {
            case Residual.Sequential own -> Optional.of(own.mlp());
            case Residual.Parallel own -> Optional.of(own.mlp());
            case Residual.Sandwich own -> Optional.of(own.mlp());
            case Residual.PostNorm own -> Optional.empty();
            case Residual.OutputNorm own -> Optional.empty();
        };
    }

    /** All that read the MLP's input. Linears that steer take the scale, too, or tokens would go to other experts. */
    private static List<Linear> firstOf(Mlp mlp) {
        return switch (mlp) {
            case Mlp.Gated gated -> List.of(gated.gate(), gated.up());
            case Mlp.Plain plain -> List.of(plain.input());
            case Mlp.Experts mixture -> {
                var readers = new ArrayList<Linear>();
                readers.add(mixture.router());
                mixture.experts().forEach(expert -> readers.addAll(firstOf(expert)));
                if (mixture.shared() != null) {
                    readers.addAll(firstOf(mixture.shared().mlp()));
                    if (mixture.shared().gate() != null) {
                        readers.add(mixture.shared().gate());
                    }
                }
                yield readers;
            }
        };
    }

    /** ReLU keeps the order of errors, so llm-awq looks at the linear alone; others bend them. */
    private static Inspect inspect(Mlp mlp) {
        return mlp instanceof Mlp.Plain plain && plain.activation() == Activation.RELU ? Inspect.LINEARS : Inspect.MLP;
    }

    private static List<ScaleGroup> lastOf(Mlp mlp) {
        return switch (mlp) {
            case Mlp.Gated gated ->
                List.of(new ScaleGroup(List.of(gated.down()), new Fold.IntoRows(gated.up()), Inspect.LINEARS));
            case Mlp.Plain plain ->
                List.of(new ScaleGroup(
                        List.of(plain.output()),
                        plain.scales() == null
                                ? new Fold.IntoRows(plain.input()) // relu(x / s) = relu(x) / s
                                : new Fold.AfterActivation(plain.scales()),
                        Inspect.LINEARS));
            case Mlp.Experts mixture -> {
                var groups = new ArrayList<ScaleGroup>();
                mixture.experts().forEach(expert -> groups.addAll(lastOf(expert)));
                if (mixture.shared() != null) {
                    groups.addAll(lastOf(mixture.shared().mlp()));
                }
                yield groups;
            }
        };
    }
}
