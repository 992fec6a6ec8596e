package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
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

/** GPT-NeoX, Pythia, RedPajama, Dolly: attention and MLP side by side, the first part of each head rotates. */
final class GptNeoX implements ModelFamily {
    @Override
    public String title() {
        return "GPT-NeoX";
    }

    @Override
    public String models() {
        return "GPT-NeoX-20B, Pythia, RedPajama, Dolly";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("GPTNeoXForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(checkpoint, "gpt_neox.layers." + i + ".", i, hidden));
        }
        String embedding = "gpt_neox.embed_in";
        boolean tied = config.flag("tie_word_embeddings", false) && !checkpoint.hasLinear("embed_out");
        return new ModelSpec(
                "gpt_neox",
                hidden,
                vocabulary,
                config.positive("max_position_embeddings", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden),
                blocks,
                new Head(
                        norm(config, "gpt_neox.final_layer_norm", hidden),
                        new Linear(tied ? embedding : "embed_out", vocabulary, hidden, false)));
    }

    private static BlockSpec block(Checkpoint checkpoint, String prefix, int index, int hidden) {
        Config config = checkpoint.config();
        Heads heads = Heads.even(config, hidden, "num_attention_heads");
        int wide = config.positive("intermediate_size", Bounds.WIDTH);
        boolean bias = config.flag("attention_bias", true);
        String attention = prefix + "attention.";
        Projections linears = Projections.byHead(
                new Fused(attention + "query_key_value", 3 * hidden, hidden, bias, false),
                heads,
                new Linear(attention + "dense", hidden, hidden, bias));
        Norm first = norm(config, prefix + "input_layernorm", hidden);
        Norm second = norm(config, prefix + "post_attention_layernorm", hidden);
        return ScaleGroups.block(
                index,
                config.flag("use_parallel_residual", true)
                        ? new Residual.Parallel(first, second)
                        : new Residual.Sequential(first, second),
                new AttentionSpec(
                        heads.shape(),
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        RopeConfig.read(config, heads.size(), "rotary_emb_base", 10_000, "rotary_pct", 0.25)),
                Activations.plain(
                        Activations.read(config, "hidden_act", "gelu"),
                        new Linear(prefix + "mlp.dense_h_to_4h", wide, hidden, true),
                        new Linear(prefix + "mlp.dense_4h_to_h", hidden, wide, true),
                        prefix + "mlp.act"));
    }

    private static Norm norm(Config config, String name, int hidden) {
        return new Norm.Layer(name, hidden, (float) config.number("layer_norm_eps", 1e-5), true, true);
    }
}
