package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Activation;
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

/** BLOOM and BLOOMZ: ALiBi, a norm behind the embedding, biases everywhere. */
final class Bloom implements ModelFamily {
    @Override
    public String title() {
        return "BLOOM";
    }

    @Override
    public String models() {
        return "BLOOM, BLOOMZ";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("BloomForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        if (config.flag("apply_residual_connection_post_layernorm", false)) {
            throw new UnsupportedModelException("BLOOM with apply_residual_connection_post_layernorm is not supported;"
                    + " supported: the residual from before the norm");
        }
        int hidden = config.positive(config.has("hidden_size") ? "hidden_size" : "n_embed", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int layers = config.positive(config.has("n_layer") ? "n_layer" : "num_hidden_layers", Bounds.LAYERS);
        // files of the bare model have no outer name
        String root = checkpoint.hasLinear("word_embeddings") ? "" : "transformer.";
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(config, root + "h." + i + ".", i, hidden));
        }
        String embedding = root + "word_embeddings";
        boolean tied = config.flag("tie_word_embeddings", true) || !checkpoint.hasLinear("lm_head");
        return new ModelSpec(
                "bloom",
                hidden,
                vocabulary,
                config.positive("seq_length", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden, 1, null, null, norm(config, embedding + "_layernorm", hidden)),
                blocks,
                new Head(
                        norm(config, root + "ln_f", hidden),
                        new Linear(tied ? embedding : "lm_head", vocabulary, hidden, false)));
    }

    private static BlockSpec block(Config config, String prefix, int index, int hidden) {
        Heads heads = Heads.even(config, hidden, config.has("n_head") ? "n_head" : "num_attention_heads");
        String attention = prefix + "self_attention.";
        Projections linears = Projections.byHead(
                new Fused(attention + "query_key_value", 3 * hidden, hidden, true, false),
                heads,
                new Linear(attention + "dense", hidden, hidden, true));
        float[] slopes = Alibi.ofBloom(heads.query());
        return ScaleGroups.block(
                index,
                new Residual.Sequential(
                        norm(config, prefix + "input_layernorm", hidden),
                        norm(config, prefix + "post_attention_layernorm", hidden)),
                new AttentionSpec(
                        new AttentionShape(heads.query(), heads.query(), heads.size(), heads.scale(), 0, slopes),
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        null),
                Activations.plain(
                        Activation.GELU_TANH,
                        new Linear(prefix + "mlp.dense_h_to_4h", 4 * hidden, hidden, true),
                        new Linear(prefix + "mlp.dense_4h_to_h", hidden, 4 * hidden, true),
                        prefix + "mlp.gelu_impl"));
    }

    private static Norm norm(Config config, String name, int hidden) {
        return new Norm.Layer(name, hidden, (float) config.number("layer_norm_epsilon", 1e-5), true, true);
    }
}
