package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Embedding;
import awq4j.model.Head;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import java.util.ArrayList;
import java.util.Set;

/** InternLM 2 and 2.5: Llama with other names, and queries, keys and values in one matrix by head of keys. */
final class InternLm2 implements ModelFamily {
    @Override
    public String title() {
        return "InternLM2";
    }

    @Override
    public String models() {
        return "InternLM2, InternLM2.5 1.8B, 7B, 20B";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("InternLM2ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(checkpoint, "model.layers." + i + ".", i, hidden));
        }
        String embedding = "model.tok_embeddings";
        boolean tied = config.flag("tie_word_embeddings", false) && !checkpoint.hasLinear("output");
        return new ModelSpec(
                "internlm2",
                hidden,
                vocabulary,
                config.positive("max_position_embeddings", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden),
                blocks,
                new Head(
                        norm(config, "model.norm", hidden),
                        new Linear(tied ? embedding : "output", vocabulary, hidden, false)));
    }

    private static BlockSpec block(Checkpoint checkpoint, String prefix, int index, int hidden) {
        Config config = checkpoint.config();
        Heads heads = Heads.read(config, hidden);
        int wide = config.positive("intermediate_size", Bounds.WIDTH);
        String attention = prefix + "attention.";
        String mlp = prefix + "feed_forward.";
        Projections linears = Projections.byHead(
                Fused.of(checkpoint, attention + "wqkv", Projections.rows(heads), hidden),
                heads,
                Projections.linear(checkpoint, attention + "wo", hidden, heads.queryWidth(), false));
        return ScaleGroups.block(
                index,
                new Residual.Sequential(
                        norm(config, prefix + "attention_norm", hidden), norm(config, prefix + "ffn_norm", hidden)),
                new AttentionSpec(
                        heads.shape(),
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        RopeConfig.read(config, heads.size(), 10_000)),
                new Mlp.Gated(
                        Activations.read(config, "hidden_act", "silu"),
                        Projections.linear(checkpoint, mlp + "w1", wide, hidden, false),
                        Projections.linear(checkpoint, mlp + "w3", wide, hidden, false),
                        Projections.linear(checkpoint, mlp + "w2", hidden, wide, false)));
    }

    private static Norm norm(Config config, String name, int hidden) {
        return new Norm.Rms(name, hidden, (float) config.number("rms_norm_eps", 1e-6));
    }
}
