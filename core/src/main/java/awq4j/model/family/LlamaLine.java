package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Activation;
import awq4j.kernel.AttentionShape;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.Embedding;
import awq4j.model.Head;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.ScaleGroup.Inspect;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What Llama and its many relatives share: RMS norms before attention and MLP, rotary positions, a gated MLP, the same
 * tensor names. A relative is this with a few settings.
 *
 * @param family name of the family
 * @param queryKeyValueBias whether the three projections add a bias
 * @param outputBias whether the attention's output projection does
 * @param mlpBias whether gate, up and down do
 * @param headNorms whether queries and keys are normalized by head before they rotate
 * @param theta rotary base where the file states none
 * @param epsilon of the norms, where the file states none
 * @param window tokens that layer i sees, 0 for all
 * @param mixture of experts that some layers have in place of the MLP, null if none has
 */
record LlamaLine(
        String family,
        boolean queryKeyValueBias,
        boolean outputBias,
        boolean mlpBias,
        boolean headNorms,
        double theta,
        double epsilon,
        IntUnaryOperator window,
        @Nullable Mixture mixture) {

    /** A line without experts. */
    LlamaLine(
            String family,
            boolean queryKeyValueBias,
            boolean outputBias,
            boolean mlpBias,
            boolean headNorms,
            double theta,
            double epsilon,
            IntUnaryOperator window) {
        this(family, queryKeyValueBias, outputBias, mlpBias, headNorms, theta, epsilon, window, null);
    }

    ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int headDim = headDim(config);
        float norm = (float) config.number("rms_norm_eps", epsilon);
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(checkpoint, i, hidden, headDim, norm));
        }
        String embedding = "model.embed_tokens";
        boolean tied = config.flag("tie_word_embeddings", false) && !checkpoint.hasLinear("lm_head");
        return new ModelSpec(
                family,
                hidden,
                vocabulary,
                config.positive("max_position_embeddings", Bounds.POSITIONS, 2048),
                new Embedding(embedding, hidden),
                blocks,
                new Head(
                        new Norm.Rms("model.norm", hidden, norm),
                        new Linear(tied ? embedding : "lm_head", vocabulary, hidden, checkpoint.has("lm_head.bias"))));
    }

    private BlockSpec block(Checkpoint checkpoint, int index, int hidden, int headDim, float epsilon) {
        Config config = checkpoint.config();
        String prefix = "model.layers." + index + ".";
        int heads = config.positive("num_attention_heads", Bounds.HEADS);
        int kvHeads = config.integer("num_key_value_heads", heads);
        if (kvHeads < 1 || heads % kvHeads != 0) {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    "\"num_key_value_heads\" should divide num_attention_heads " + heads + ", is " + kvHeads);
        }
        String attention = prefix + "self_attn.";
        Linear query = linear(checkpoint, attention + "q_proj", heads * headDim, hidden, queryKeyValueBias);
        Linear key = linear(checkpoint, attention + "k_proj", kvHeads * headDim, hidden, queryKeyValueBias);
        Linear value = linear(checkpoint, attention + "v_proj", kvHeads * headDim, hidden, queryKeyValueBias);
        Linear output = linear(checkpoint, attention + "o_proj", hidden, heads * headDim, outputBias);
        Norm first = new Norm.Rms(prefix + "input_layernorm", hidden, epsilon);
        Norm second = new Norm.Rms(prefix + "post_attention_layernorm", hidden, epsilon);

        var groups = new ArrayList<ScaleGroup>();
        groups.add(new ScaleGroup(List.of(query, key, value), new Fold.IntoNorm(first), Inspect.ATTENTION));
        groups.add(
                new ScaleGroup(List.of(output), new Fold.IntoRows(value, headDim, heads / kvHeads), Inspect.LINEARS));
        Mlp mlp;
        if (mixture != null && mixture.in(index)) {
            Mlp.Experts experts = mixture.mlp(checkpoint, prefix, hidden);
            groups.addAll(Mixture.groups(experts, second));
            mlp = experts;
        } else {
            Mlp.Gated gated = gated(checkpoint, prefix, hidden);
            groups.add(new ScaleGroup(List.of(gated.gate(), gated.up()), new Fold.IntoNorm(second), Inspect.MLP));
            groups.add(new ScaleGroup(List.of(gated.down()), new Fold.IntoRows(gated.up()), Inspect.LINEARS));
            mlp = gated;
        }

        var shape = new AttentionShape(
                heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), window.applyAsInt(index), null);
        return new BlockSpec(
                index,
                new Residual.Sequential(first, second),
                new AttentionSpec(
                        shape,
                        query,
                        key,
                        value,
                        output,
                        0,
                        headNorms ? new Norm.Rms(attention + "q_norm", headDim, epsilon) : null,
                        headNorms ? new Norm.Rms(attention + "k_norm", headDim, epsilon) : null,
                        RopeConfig.read(config, headDim, theta)),
                mlp,
                groups);
    }

    private Mlp.Gated gated(Checkpoint checkpoint, String prefix, int hidden) {
        Config config = checkpoint.config();
        int wide = config.positive("intermediate_size", Bounds.WIDTH);
        return new Mlp.Gated(
                activation(config, "hidden_act", "silu"),
                linear(checkpoint, prefix + "mlp.gate_proj", wide, hidden, mlpBias),
                linear(checkpoint, prefix + "mlp.up_proj", wide, hidden, mlpBias),
                linear(checkpoint, prefix + "mlp.down_proj", hidden, wide, mlpBias));
    }

    /** A bias that the file stores is added even where the family has none: fine-tunes do add them. */
    static Linear linear(Checkpoint checkpoint, String name, int rows, int columns, boolean bias) {
        return new Linear(name, rows, columns, bias || checkpoint.has(name + ".bias"));
    }

    private static int headDim(Config config) {
        if (config.has("head_dim")) {
            return config.positive("head_dim", Bounds.HEAD_DIM);
        }
        int hidden = config.positive("hidden_size", Bounds.WIDTH);
        int heads = config.positive("num_attention_heads", Bounds.HEADS);
        if (hidden % heads != 0) {
            throw new MalformedFileException(
                    config.file(), -1, "hidden_size " + hidden + " does not divide by num_attention_heads " + heads);
        }
        return hidden / heads;
    }

    static Activation activation(Config config, String key, String otherwise) {
        String name = config.text(key, otherwise);
        return switch (name) {
            case "silu", "swish" -> Activation.SILU;
            case "relu" -> Activation.RELU;
            case "gelu" -> Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
            default ->
                throw new UnsupportedModelException("activation \"" + name
                        + "\" is not supported; supported: silu, relu, gelu, gelu_new, gelu_pytorch_tanh");
        };
    }

    /**
     * Windows by layer: {@code layer_types} where the file has it, else {@code otherwise}.
     *
     * @param window tokens a sliding layer sees
     */
    static IntUnaryOperator windows(Config config, int window, IntUnaryOperator otherwise) {
        List<String> types = config.texts("layer_types");
        if (types.isEmpty()) {
            return otherwise;
        }
        return layer -> layer < types.size() && types.get(layer).equals("sliding_attention") ? window : 0;
    }
}
