package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Embedding;
import awq4j.model.Head;
import awq4j.model.LearnedPositions;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import java.util.ArrayList;
import java.util.Set;

/**
 * OPT: LayerNorm, learned positions, biases. The 350m model has its norms behind attention and MLP, and narrow embeddings
 * with a projection on either side.
 */
final class Opt implements ModelFamily {
    /** The position table starts two rows late: a relic of padding ids. */
    private static final int POSITION_OFFSET = 2;

    private static final float EPSILON = 1e-5f;

    @Override
    public String title() {
        return "OPT";
    }

    @Override
    public String models() {
        return "OPT 125m to 66b";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("OPTForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        int width = config.positive("word_embed_proj_dim", Bounds.WIDTH, hidden);
        boolean before = config.flag("do_layer_norm_before", true);
        // some files were saved from the bare decoder, without the outer name
        String root = checkpoint.hasLinear("decoder.embed_tokens") ? "decoder." : "model.decoder.";
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(config, root + "layers." + i + ".", i, hidden, before));
        }
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        boolean tied = config.flag("tie_word_embeddings", true) || !checkpoint.hasLinear("lm_head");
        String embedding = root + "embed_tokens";
        boolean lastNorm = before && !config.flag("_remove_final_layer_norm", false);
        return new ModelSpec(
                "opt",
                hidden,
                vocabulary,
                config.positive("max_position_embeddings", Bounds.POSITIONS, 2048),
                new Embedding(
                        embedding,
                        width,
                        1,
                        width == hidden ? null : new Linear(root + "project_in", hidden, width, false),
                        new LearnedPositions(root + "embed_positions", POSITION_OFFSET),
                        null),
                blocks,
                new Head(
                        lastNorm ? norm(config, root + "final_layer_norm", hidden) : null,
                        width == hidden ? null : new Linear(root + "project_out", width, hidden, false),
                        new Linear(tied ? embedding : "lm_head", vocabulary, width, false),
                        1,
                        0));
    }

    private static BlockSpec block(Config config, String prefix, int index, int hidden, boolean before) {
        Heads heads = Heads.even(config, hidden, "num_attention_heads");
        int wide = config.positive("ffn_dim", Bounds.WIDTH);
        boolean bias = config.flag("enable_bias", true);
        String attention = prefix + "self_attn.";
        Norm first = norm(config, prefix + "self_attn_layer_norm", hidden);
        Norm second = norm(config, prefix + "final_layer_norm", hidden);
        Mlp mlp = Activations.plain(
                Activations.read(config, "activation_function", "relu"),
                new Linear(prefix + "fc1", wide, hidden, bias),
                new Linear(prefix + "fc2", hidden, wide, bias),
                prefix + "activation_fn");
        return ScaleGroups.block(
                index,
                before ? new Residual.Sequential(first, second) : new Residual.PostNorm(first, second),
                new AttentionSpec(
                        heads.shape(),
                        new Linear(attention + "q_proj", hidden, hidden, bias),
                        new Linear(attention + "k_proj", hidden, hidden, bias),
                        new Linear(attention + "v_proj", hidden, hidden, bias),
                        new Linear(attention + "out_proj", hidden, hidden, bias),
                        null),
                mlp);
    }

    private static Norm norm(Config config, String name, int hidden) {
        boolean affine = config.flag("layer_norm_elementwise_affine", true);
        return new Norm.Layer(name, hidden, EPSILON, affine, affine);
    }
}
