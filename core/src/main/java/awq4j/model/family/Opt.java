package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.AttentionShape;
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
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.ScaleGroup.Inspect;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** OPT with the norm before each part; the 350m model, which has it behind, is refused. */
final class Opt implements ModelFamily {
    /** The position table starts two rows late: a relic of padding ids. */
    private static final int POSITION_OFFSET = 2;

    private static final float EPSILON = 1e-5f;

    @Override
    public Set<String> architectures() {
        return Set.of("OPTForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        if (!config.flag("do_layer_norm_before", true)) {
            throw new UnsupportedModelException(
                    "OPT with do_layer_norm_before = false (opt-350m) is not supported; supported: the other sizes");
        }
        if (config.integer("word_embed_proj_dim", hidden) != hidden) {
            throw new UnsupportedModelException("OPT with word_embed_proj_dim " + config.integer("word_embed_proj_dim")
                    + " other than hidden_size " + hidden + " is not supported");
        }
        // some files were saved from the bare decoder, without the outer name
        String root = checkpoint.hasLinear("decoder.embed_tokens") ? "decoder." : "model.decoder.";
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(config, root + "layers." + i + ".", i, hidden));
        }
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        boolean tied = config.flag("tie_word_embeddings", true) || !checkpoint.hasLinear("lm_head");
        String embedding = root + "embed_tokens";
        return new ModelSpec(
                "opt",
                hidden,
                vocabulary,
                config.positive("max_position_embeddings", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden, new LearnedPositions(root + "embed_positions", POSITION_OFFSET)),
                blocks,
                new Head(
                        norm(config, root + "final_layer_norm", hidden),
                        new Linear(tied ? embedding : "lm_head", vocabulary, hidden, false)));
    }

    private static BlockSpec block(Config config, String prefix, int index, int hidden) {
        int heads = config.positive("num_attention_heads", Bounds.HEADS);
        if (hidden % heads != 0) {
            throw new MalformedFileException(
                    config.file(), -1, "hidden_size " + hidden + " does not divide by num_attention_heads " + heads);
        }
        int headDim = hidden / heads;
        int wide = config.positive("ffn_dim", Bounds.WIDTH);
        boolean bias = config.flag("enable_bias", true);
        String attention = prefix + "self_attn.";
        Linear query = new Linear(attention + "q_proj", hidden, hidden, bias);
        Linear key = new Linear(attention + "k_proj", hidden, hidden, bias);
        Linear value = new Linear(attention + "v_proj", hidden, hidden, bias);
        Linear output = new Linear(attention + "out_proj", hidden, hidden, bias);
        Linear input = new Linear(prefix + "fc1", wide, hidden, bias);
        Linear last = new Linear(prefix + "fc2", hidden, wide, bias);
        Norm first = norm(config, prefix + "self_attn_layer_norm", hidden);
        Norm second = norm(config, prefix + "final_layer_norm", hidden);
        var activation = LlamaLine.activation(config, "activation_function", "relu");
        var groups = new ArrayList<>(List.of(
                new ScaleGroup(List.of(query, key, value), new Fold.IntoNorm(first), Inspect.ATTENTION),
                new ScaleGroup(List.of(output), new Fold.IntoRows(value), Inspect.LINEARS),
                new ScaleGroup(List.of(input), new Fold.IntoNorm(second), Inspect.LINEARS)));
        // relu(x / s) = relu(x) / s; no other activation lets s pass
        String scales = activation == awq4j.kernel.Activation.RELU ? null : prefix + "activation_fn.scales";
        groups.add(new ScaleGroup(
                List.of(last),
                scales == null ? new Fold.IntoRows(input) : new Fold.AfterActivation(scales),
                Inspect.LINEARS));
        return new BlockSpec(
                index,
                new Residual.Sequential(first, second),
                new AttentionSpec(
                        new AttentionShape(heads, heads, headDim, (float) (1 / Math.sqrt(headDim)), 0, null),
                        query,
                        key,
                        value,
                        output,
                        null),
                new Mlp.Plain(activation, input, last, scales),
                groups);
    }

    private static Norm norm(Config config, String name, int hidden) {
        boolean affine = config.flag("layer_norm_elementwise_affine", true);
        return new Norm.Layer(name, hidden, EPSILON, affine, affine);
    }
}
