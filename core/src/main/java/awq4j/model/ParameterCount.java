package awq4j.model;

/**
 * How many numbers a model has, by part, as its specification declares them.
 *
 * @param embeddings token embedding, its projection, and the position table where positions are learned
 * @param attention projections of all blocks, their biases and the norms of queries and keys
 * @param mlp the feed-forward parts of all blocks, with their biases
 * @param norms gains and biases of all other norms
 * @param head the output matrix, none where it is the embedding, and its projection
 * @param idle how many of {@code mlp} belong to experts that a token does not go to
 */
public record ParameterCount(long embeddings, long attention, long mlp, long norms, long head, long idle) {
    /** Counts a model's. */
    public static ParameterCount of(ModelSpec model) {
        Embedding embedding = model.embedding();
        long embeddings = of(model.table());
        if (embedding.positions() != null) {
            embeddings += ((long) model.contextLength() + embedding.positions().offset()) * model.hidden();
        }
        if (embedding.projection() != null) {
            embeddings += of(embedding.projection());
        }
        long attention = 0;
        long mlp = 0;
        long norms = 0;
        long idle = 0;
        for (Norm norm : model.outerNorms()) {
            norms += of(norm);
        }
        for (BlockSpec block : model.blocks()) {
            AttentionSpec part = block.attention();
            attention += of(part.query()) + of(part.key()) + of(part.value()) + of(part.output());
            attention += part.queryNorm() == null ? 0 : of(part.queryNorm());
            attention += part.keyNorm() == null ? 0 : of(part.keyNorm());
            for (Linear linear : block.mlp().linears()) {
                mlp += of(linear);
            }
            idle += idle(block);
            for (Norm norm : block.residual().norms()) {
                norms += of(norm);
            }
        }
        long head = model.tied() ? 0 : of(model.head().linear());
        if (model.head().projection() != null) {
            head += of(model.head().projection());
        }
        return new ParameterCount(embeddings, attention, mlp, norms, head, idle);
    }

    /** Of one block, norms included. */
    public static long of(BlockSpec block) {
        long count = 0;
        for (Linear linear : block.linears()) {
            count += of(linear);
        }
        for (Norm norm : block.norms()) {
            count += of(norm);
        }
        return count;
    }

    /** How many of a block belong to experts that a token does not go to. */
    public static long idle(BlockSpec block) {
        if (!(block.mlp() instanceof Mlp.Experts mixture)) {
            return 0;
        }
        long expert = 0;
        for (Linear linear : mixture.experts().getFirst().linears()) {
            expert += of(linear);
        }
        return expert * (mixture.experts().size() - mixture.chosen());
    }

    /** Of one linear, its bias included. */
    public static long of(Linear linear) {
        return (long) linear.rows() * linear.columns() + (linear.bias() ? linear.rows() : 0);
    }

    /** All of them. */
    public long total() {
        return embeddings + attention + mlp + norms + head;
    }

    /** Those that one token's pass has to do with. */
    public long active() {
        return total() - idle;
    }

    private static long of(Norm norm) {
        return (long) norm.tensors().size() * norm.values();
    }
}
