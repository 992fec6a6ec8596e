package awq4j.eval.speed;

import awq4j.format.UnsupportedModelException;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import java.util.List;

/**
 * Linears of a model that read the same input, one after the other.
 *
 * @param name for reports, for example {@code q, k, v}
 * @param linears of the first block, or the output matrix
 * @param count how many such a model has: its blocks, or 1
 * @param head whether it is the output matrix
 */
public record LinearKind(String name, List<Linear> linears, int count, boolean head) {
    /** Copies the list. */
    public LinearKind {
        linears = List.copyOf(linears);
    }

    /**
     * All kinds of a model, in the order in which they run. Blocks are taken to be alike.
     *
     * @throws UnsupportedModelException if tokens go to different experts, which have no speed of their own
     */
    public static List<LinearKind> of(ModelSpec spec) {
        BlockSpec block = spec.blocks().getFirst();
        int blocks = spec.blocks().size();
        AttentionSpec attention = block.attention();
        var qkv = List.of(attention.query(), attention.key(), attention.value());
        var queries = new LinearKind("q, k, v", qkv, blocks, false);
        var output = new LinearKind("o", List.of(attention.output()), blocks, false);
        var head = new LinearKind("head", List.of(spec.head().linear()), 1, true);
        return switch (block.mlp()) {
            case Mlp.Gated gated ->
                List.of(
                        queries,
                        output,
                        new LinearKind("gate, up", List.of(gated.gate(), gated.up()), blocks, false),
                        new LinearKind("down", List.of(gated.down()), blocks, false),
                        head);
            case Mlp.Plain plain ->
                List.of(
                        queries,
                        output,
                        new LinearKind("up", List.of(plain.input()), blocks, false),
                        new LinearKind("down", List.of(plain.output()), blocks, false),
                        head);
            case Mlp.Experts experts ->
                throw new UnsupportedModelException("a mixture of experts has no roofline of its linears: how many"
                        + " tokens an expert sees depends on the text; take a dense model's shape");
        };
    }

    /** Weights in one such. */
    public long weights() {
        return linears.stream()
                .mapToLong(linear -> (long) linear.rows() * linear.columns())
                .sum();
    }

    /** Outputs of all its linears. */
    public long outputs() {
        return linears.stream().mapToLong(Linear::rows).sum();
    }

    /** Inputs, which all its linears share. */
    public int inputs() {
        return linears.getFirst().columns();
    }
}
