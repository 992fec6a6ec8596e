package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.kernel.AttentionShape;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Embedding;
import awq4j.model.Head;
import awq4j.model.LearnedPositions;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import java.util.ArrayList;

/**
 * What GPT-2 and GPT-BigCode share: LayerNorm, learned positions, one matrix for queries, keys and values, biases, the
 * same tensor names.
 *
 * @param transposed whether matrices are stored as [inputs, outputs]
 * @param keyValueHeads of keys and values; 0 for as many as of queries
 * @param byHead whether the rows of a head's query, key and value follow one another; else those of all queries do
 */
record GptLine(String family, boolean transposed, int keyValueHeads, boolean byHead) {
    ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("n_embd", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        // files of the bare model have no outer name
        String root = checkpoint.hasLinear("wte") ? "" : "transformer.";
        int layers = config.positive("n_layer", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(checkpoint, root + "h." + i + ".", i, hidden));
        }
        boolean tied = config.flag("tie_word_embeddings", true) || !checkpoint.hasLinear("lm_head");
        return new ModelSpec(
                family,
                hidden,
                vocabulary,
                config.positive("n_positions", Bounds.POSITIONS, 1024),
                new Embedding(root + "wte", hidden, new LearnedPositions(root + "wpe", 0)),
                blocks,
                new Head(
                        norm(config, root + "ln_f", hidden),
                        new Linear(tied ? root + "wte" : "lm_head", vocabulary, hidden, false)));
    }

    private BlockSpec block(Checkpoint checkpoint, String prefix, int index, int hidden) {
        Config config = checkpoint.config();
        Heads heads = Heads.even(config, hidden, "n_head");
        if (keyValueHeads > 0) {
            heads = heads.over(config, "the number of key and value heads", keyValueHeads);
        }
        int wide = config.positive("n_inner", Bounds.WIDTH, 4 * hidden);
        Fused fused = matrix(prefix + "attn.c_attn", Projections.rows(heads), hidden);
        Linear output = matrix(prefix + "attn.c_proj", hidden, hidden).whole();
        Projections linears =
                byHead ? Projections.byHead(fused, heads, output) : Projections.stacked(fused, heads, output);
        float scale = config.flag("scale_attn_weights", true) ? heads.scale() : 1;
        if (config.flag("scale_attn_by_inverse_layer_idx", false)) {
            scale /= index + 1;
        }
        return ScaleGroups.block(
                index,
                new Residual.Sequential(norm(config, prefix + "ln_1", hidden), norm(config, prefix + "ln_2", hidden)),
                new AttentionSpec(
                        new AttentionShape(heads.query(), heads.keyValue(), heads.size(), scale, 0, null),
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        null),
                Activations.plain(
                        Activations.read(config, "activation_function", "gelu_new"),
                        matrix(prefix + "mlp.c_fc", wide, hidden).whole(),
                        matrix(prefix + "mlp.c_proj", hidden, wide).whole(),
                        prefix + "mlp.act"));
    }

    private Fused matrix(String name, int rows, int columns) {
        return new Fused(name, rows, columns, true, transposed);
    }

    private static Norm norm(Config config, String name, int hidden) {
        return new Norm.Layer(name, hidden, (float) config.number("layer_norm_epsilon", 1e-5), true, true);
    }
}
