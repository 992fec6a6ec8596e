package awq4j.model;

/**
 * How many numbers a model has, by part, as its specification declares them.
 *
 * @param embeddings token embedding, and the position table where positions are learned
 * @param attention projections of all blocks, their biases and per-head norms
 * @param mlp the feed-forward parts of all blocks, with their biases
 * @param norms gains and biases of all other norms
 * @param head the output projection; 0 where it is the embedding
 */
public record ParameterCount(long embeddings, long attention, long mlp, long norms, long head) {
    /** Counts a model's. */
    public static ParameterCount of(ModelSpec model) {
        long embeddings = (long) model.vocabulary() * model.hidden();
        if (model.positions() instanceof Positions.Learned learned) {
            embeddings += ((long) model.contextLength() + learned.offset()) * model.hidden();
        }
        long attention = 0;
        long mlp = 0;
        long norms = of(model.finalNorm(), model.hidden());
        for (BlockSpec block : model.blocks()) {
            AttentionSpec part = block.attention();
            attention += of(part.query()) + of(part.key()) + of(part.value()) + of(part.output());
            int headDim = part.shape().headDim();
            attention += part.queryNorm() == null ? 0 : of(part.queryNorm(), headDim);
            attention += part.keyNorm() == null ? 0 : of(part.keyNorm(), headDim);
            mlp += switch (block.mlp()) {
                case Mlp.Gated gated -> of(gated.gate()) + of(gated.up()) + of(gated.down());
                case Mlp.Plain plain -> of(plain.input()) + of(plain.output());
            };
            norms += of(block.attentionNorm(), model.hidden()) + of(block.mlpNorm(), model.hidden());
        }
        return new ParameterCount(embeddings, attention, mlp, norms, model.tied() ? 0 : of(model.head()));
    }

    /** Of one block, norms included. */
    public static long of(BlockSpec block) {
        long count = 0;
        for (Linear linear : block.linears()) {
            count += of(linear);
        }
        int hidden = block.attention().query().columns();
        for (Norm norm : block.norms()) {
            boolean perHead = norm.equals(block.attention().queryNorm())
                    || norm.equals(block.attention().keyNorm());
            count += of(norm, perHead ? block.attention().shape().headDim() : hidden);
        }
        return count;
    }

    /** Of one linear, its bias included. */
    public static long of(Linear linear) {
        return (long) linear.rows() * linear.columns() + (linear.bias() ? linear.rows() : 0);
    }

    /** All of them. */
    public long total() {
        return embeddings + attention + mlp + norms + head;
    }

    private static long of(Norm norm, int size) {
        return switch (norm) {
            case Norm.Rms rms -> size;
            case Norm.Layer layer -> layer.bias() ? 2L * size : 0; // without a bias it has no gain either
        };
    }
}
