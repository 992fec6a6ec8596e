package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.kernel.AttentionShape;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Embedding;
import awq4j.model.Head;
import awq4j.model.Linear;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import java.util.ArrayList;
import java.util.Set;

/**
 * Falcon: attention and MLP side by side. The 7B model has one norm for both and one head of keys and values; the 40B and
 * 180B models have two norms and several heads; the second 11B one norm and several heads. The RW models have attention and
 * MLP one after the other, a head of keys and values for each query, and biases by distance in place of rotation.
 */
final class Falcon implements ModelFamily {
    @Override
    public String title() {
        return "Falcon";
    }

    @Override
    public String models() {
        return "Falcon 7B, 40B, 180B; Falcon-RW 1B, 7B; Falcon2 11B";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("FalconForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(checkpoint, "transformer.h." + i + ".", i, hidden));
        }
        String embedding = "transformer.word_embeddings";
        boolean tied = config.flag("tie_word_embeddings", true) || !checkpoint.hasLinear("lm_head");
        return new ModelSpec(
                "falcon",
                hidden,
                vocabulary,
                config.positive("max_position_embeddings", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden),
                blocks,
                new Head(
                        norm(config, "transformer.ln_f", hidden),
                        new Linear(tied ? embedding : "lm_head", vocabulary, hidden, false)));
    }

    private static BlockSpec block(Checkpoint checkpoint, String prefix, int index, int hidden) {
        Config config = checkpoint.config();
        boolean grouped = config.flag("new_decoder_architecture", false);
        Heads heads = heads(config, hidden, grouped);
        int wide = config.positive("ffn_hidden_size", Bounds.WIDTH, 4 * hidden);
        boolean bias = config.flag("bias", false);
        boolean alibi = config.flag("alibi", false);
        String attention = prefix + "self_attention.";
        var matrix = new Fused(attention + "query_key_value", Projections.rows(heads), hidden, bias, false);
        Linear output = new Linear(attention + "dense", hidden, heads.queryWidth(), bias);
        // with one head of keys and values the two orders of rows are the same
        Projections linears = Projections.byHead(matrix, heads, output);
        return ScaleGroups.block(
                index,
                residual(config, prefix, hidden, grouped),
                new AttentionSpec(
                        alibi ? inclined(heads) : heads.shape(),
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        alibi ? null : RopeConfig.read(config, heads.size(), 10_000)),
                Activations.plain(
                        Activations.read(config, "activation", "gelu"),
                        new Linear(prefix + "mlp.dense_h_to_4h", wide, hidden, bias),
                        new Linear(prefix + "mlp.dense_4h_to_h", hidden, wide, bias),
                        prefix + "mlp.act"));
    }

    private static AttentionShape inclined(Heads heads) {
        return new AttentionShape(
                heads.query(),
                heads.keyValue(),
                heads.size(),
                heads.scale(),
                0,
                0,
                Alibi.ofFalcon(heads.query()),
                true);
    }

    private static Heads heads(Config config, int hidden, boolean grouped) {
        Heads even = Heads.even(config, hidden, "num_attention_heads");
        if (grouped) {
            return even.over(config, "num_kv_heads", config.integer("num_kv_heads", even.query()));
        }
        return config.flag("multi_query", true) ? even.over(config, "multi_query", 1) : even;
    }

    private static Residual residual(Config config, String prefix, int hidden, boolean grouped) {
        if (grouped && config.integer("num_ln_in_parallel_attn", 2) == 2) {
            return new Residual.Parallel(
                    norm(config, prefix + "ln_attn", hidden), norm(config, prefix + "ln_mlp", hidden));
        }
        Norm first = norm(config, prefix + "input_layernorm", hidden);
        return grouped || config.flag("parallel_attn", true)
                ? new Residual.Parallel(first, first)
                : new Residual.Sequential(first, norm(config, prefix + "post_attention_layernorm", hidden));
    }

    private static Norm norm(Config config, String name, int hidden) {
        return new Norm.Layer(name, hidden, (float) config.number("layer_norm_epsilon", 1e-5), true, true);
    }
}
