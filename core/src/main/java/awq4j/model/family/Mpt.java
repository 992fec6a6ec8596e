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
import java.util.Optional;
import java.util.Set;

/** MPT: ALiBi, norms without bias, one matrix for queries, keys and values, which may be clipped. */
final class Mpt implements ModelFamily {
    @Override
    public String title() {
        return "MPT";
    }

    @Override
    public String models() {
        return "MPT-7B, MPT-30B";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("MPTForCausalLM", "MptForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        Optional<Config> attention = config.section("attn_config");
        attention.ifPresent(Mpt::refuseOthers);
        refuse(config.has("logit_scale"), "logit_scale", "logits as they are");
        refuse(
                !config.text("norm_type", "low_precision_layernorm").endsWith("layernorm"),
                "norm_type " + config.text("norm_type", ""),
                "layernorm, low_precision_layernorm");
        int hidden = config.positive("d_model", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int layers = config.positive("n_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(checkpoint, attention, "transformer.blocks." + i + ".", i, hidden));
        }
        String embedding = "transformer.wte";
        boolean tied = config.flag("tie_word_embeddings", true) || !checkpoint.hasLinear("lm_head");
        return new ModelSpec(
                "mpt",
                hidden,
                vocabulary,
                config.positive("max_seq_len", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden),
                blocks,
                new Head(
                        norm(checkpoint, "transformer.norm_f", hidden),
                        new Linear(tied ? embedding : "lm_head", vocabulary, hidden, false)));
    }

    private static void refuseOthers(Config attention) {
        refuse(!attention.flag("alibi", true), "alibi = false", "ALiBi");
        refuse(attention.flag("qk_ln", false), "qk_ln", "queries and keys without a norm");
        refuse(attention.flag("prefix_lm", false), "prefix_lm", "causal attention");
        String type = attention.text("attn_type", "multihead_attention");
        refuse(!type.equals("multihead_attention"), "attn_type " + type, "multihead_attention");
    }

    private static void refuse(boolean asked, String what, String supported) {
        if (asked) {
            throw new UnsupportedModelException("MPT with " + what + " is not supported; supported: " + supported);
        }
    }

    private static BlockSpec block(
            Checkpoint checkpoint, Optional<Config> settings, String prefix, int index, int hidden) {
        Config config = checkpoint.config();
        Heads heads = Heads.even(config, hidden, "n_heads");
        int wide = Math.multiplyExact(config.positive("expansion_ratio", 64, 4), hidden);
        Projections linears = Projections.stacked(
                Fused.of(checkpoint, prefix + "attn.Wqkv", 3 * hidden, hidden),
                heads,
                Projections.linear(checkpoint, prefix + "attn.out_proj", hidden, hidden, false));
        double scale = settings.map(own -> own.number("softmax_scale", 0)).orElse(0.0);
        double clip = settings.map(own -> own.number("clip_qkv", 0)).orElse(0.0);
        double maxBias = settings.map(own -> own.number("alibi_bias_max", 8)).orElse(8.0);
        var shape = new AttentionShape(
                heads.query(),
                heads.query(),
                heads.size(),
                scale == 0 ? heads.scale() : (float) scale,
                0,
                Alibi.ofMpt(heads.query(), maxBias));
        return ScaleGroups.block(
                index,
                new Residual.Sequential(
                        norm(checkpoint, prefix + "norm_1", hidden), norm(checkpoint, prefix + "norm_2", hidden)),
                new AttentionSpec(
                        shape,
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        (float) clip,
                        null,
                        null,
                        null),
                Activations.plain(
                        Activation.GELU,
                        Projections.linear(checkpoint, prefix + "ffn.up_proj", wide, hidden, false),
                        Projections.linear(checkpoint, prefix + "ffn.down_proj", hidden, wide, false),
                        prefix + "ffn.act"));
    }

    /** Without a bias, unless the file has one. */
    private static Norm norm(Checkpoint checkpoint, String name, int hidden) {
        float epsilon = (float) checkpoint.config().number("layer_norm_epsilon", 1e-5);
        return new Norm.Layer(name, hidden, epsilon, true, checkpoint.has(name + ".bias"));
    }
}
