package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
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
import awq4j.model.Rotary;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What Llama and its many relatives share: RMS norms before attention and MLP, rotary positions, a gated MLP, the same
 * tensor names. A relative is this with a few settings; what is not set is Llama's.
 */
final class LlamaLine {
    private final String family;
    private final Checkpoint checkpoint;
    private final Config config;
    private final int hidden;
    private final Heads heads;

    private boolean queryKeyValueBias;
    private boolean outputBias;
    private boolean mlpBias;
    private NormsOfHeads headNorms = (name, count) -> null;
    private boolean fused;
    private boolean tied;
    private float addedGain;
    private double theta = 10_000;
    private double epsilon = 1e-6;
    private float embeddingScale = 1;
    private float scoreScale;
    private float scoreSoftcap;
    private float logitScale = 1;
    private float logitSoftcap;
    private NormOf norms = this::rmsNorm;
    private BiFunction<String, LlamaLine, Mlp> mlp = (prefix, line) -> line.gated(prefix + "mlp.");
    private @Nullable Mixture mixture;
    private String activationKey = "hidden_act";
    private String activation = "silu";
    private IntUnaryOperator window = layer -> 0;
    private @Nullable IntFunction<@Nullable Rotary> rotary;
    private BiFunction<String, LlamaLine, Residual> residual = (prefix, line) -> new Residual.Sequential(
            line.norm(prefix + "input_layernorm"), line.norm(prefix + "post_attention_layernorm"));

    /** Makes a norm of a name and a size. */
    @FunctionalInterface
    interface NormOf {
        Norm make(String name, int size);
    }

    /** Makes the norm of all heads of queries, or of keys; null for none. */
    @FunctionalInterface
    interface NormsOfHeads {
        @Nullable
        Norm make(String name, int heads);
    }

    /** Llama itself, without biases. */
    LlamaLine(String family, Checkpoint checkpoint) {
        this.family = family;
        this.checkpoint = checkpoint;
        this.config = checkpoint.config();
        this.hidden = config.positive("hidden_size", Bounds.WIDTH);
        this.heads = Heads.read(config, hidden);
        this.scoreScale = heads.scale();
    }

    /** Which projections add a bias: the three of queries, keys and values, the output's, those of the MLP. */
    LlamaLine biases(boolean queryKeyValue, boolean output, boolean mlp) {
        queryKeyValueBias = queryKeyValue;
        outputBias = output;
        mlpBias = mlp;
        return this;
    }

    /** The same norm on every query head, and on every key head, before they rotate. */
    LlamaLine headNorms() {
        return headNorms((name, count) -> norm(name, heads.size()));
    }

    /** One norm over all queries of a token and one over all keys, before they rotate. */
    LlamaLine wideNorms() {
        return headNorms((name, count) -> norm(name, count * heads.size()));
    }

    /** Norms on queries and keys, before they rotate, from their name and the number of heads. */
    LlamaLine headNorms(NormsOfHeads kind) {
        headNorms = kind;
        return this;
    }

    /** Other norms than RMS norms. */
    LlamaLine norms(NormOf kind) {
        norms = kind;
        return this;
    }

    /** Another MLP than a gated one, from the prefix of a layer's tensors. */
    LlamaLine mlp(BiFunction<String, LlamaLine, Mlp> layer) {
        mlp = layer;
        return this;
    }

    /** Queries, keys and values in one stored matrix, gate and up in another. */
    LlamaLine fused() {
        fused = true;
        return this;
    }

    /** The output matrix is the embedding's unless the file says otherwise. */
    LlamaLine tied() {
        tied = true;
        return this;
    }

    /** Norms store their gain's difference from one. */
    LlamaLine gainsFromOne() {
        addedGain = 1;
        return this;
    }

    /** Base of the rotation, where the file states none. */
    LlamaLine theta(double otherwise) {
        theta = otherwise;
        return this;
    }

    /** Of the norms, where the file states none. */
    LlamaLine epsilon(double otherwise) {
        epsilon = otherwise;
        return this;
    }

    /** A factor on the embedding's rows. */
    LlamaLine embeddingScale(double factor) {
        embeddingScale = (float) factor;
        return this;
    }

    /** A factor on scores that does not follow from the head's size, and a cap on them, 0 for none. */
    LlamaLine scores(double factor, double softcap) {
        scoreScale = (float) factor;
        scoreSoftcap = (float) softcap;
        return this;
    }

    /** A factor on logits. */
    LlamaLine logitScale(double factor) {
        logitScale = (float) factor;
        return this;
    }

    /** A cap on logits, 0 for none. */
    LlamaLine logitSoftcap(double cap) {
        logitSoftcap = (float) cap;
        return this;
    }

    /** Where the file names the activation, and which it is where it does not. */
    LlamaLine activation(String key, String otherwise) {
        activationKey = key;
        activation = otherwise;
        return this;
    }

    /** Tokens that layer i sees, 0 for all. */
    LlamaLine window(IntUnaryOperator tokens) {
        window = tokens;
        return this;
    }

    /** How layer i rotates, null if it does not. */
    LlamaLine rotary(IntFunction<@Nullable Rotary> layer) {
        rotary = layer;
        return this;
    }

    /** How a block is joined, from the prefix of its tensors. */
    LlamaLine residual(BiFunction<String, LlamaLine, Residual> block) {
        residual = block;
        return this;
    }

    /** Experts that some layers have in place of the MLP. */
    LlamaLine experts(Mixture experts) {
        mixture = experts;
        return this;
    }

    /** A norm of the residual stream. */
    Norm norm(String name) {
        return norm(name, hidden);
    }

    private Norm norm(String name, int size) {
        return norms.make(name, size);
    }

    private Norm rmsNorm(String name, int size) {
        return new Norm.Rms(name, size, (float) config.number("rms_norm_eps", epsilon), addedGain);
    }

    /** The width of the residual stream. */
    int hidden() {
        return hidden;
    }

    /** The heads. */
    Heads heads() {
        return heads;
    }

    /** The model. */
    ModelSpec spec() {
        int vocabulary = config.positive("vocab_size", Bounds.VOCABULARY);
        int layers = config.positive("num_hidden_layers", Bounds.LAYERS);
        int context = config.positive("max_position_embeddings", Bounds.POSITIONS, 2048);
        Rotary common = rotary == null ? RopeConfig.read(config, heads.size(), theta) : null;
        var blocks = new ArrayList<BlockSpec>(layers);
        for (int i = 0; i < layers; i++) {
            blocks.add(block(i, rotary == null ? common : rotary.apply(i)));
        }
        String embedding = "model.embed_tokens";
        boolean same = config.flag("tie_word_embeddings", tied) && !checkpoint.hasLinear("lm_head");
        Linear output = new Linear(same ? embedding : "lm_head", vocabulary, hidden, checkpoint.has("lm_head.bias"));
        return new ModelSpec(
                family,
                hidden,
                vocabulary,
                context,
                new Embedding(embedding, hidden, embeddingScale, null, null, null),
                blocks,
                new Head(norm("model.norm"), null, output, logitScale, logitSoftcap));
    }

    private BlockSpec block(int index, @Nullable Rotary turns) {
        String prefix = "model.layers." + index + ".";
        String attention = prefix + "self_attn.";
        Projections linears = fused
                ? Projections.stacked(
                        Fused.of(checkpoint, attention + "qkv_proj", Projections.rows(heads), hidden),
                        heads,
                        linear(attention + "o_proj", hidden, heads.queryWidth(), outputBias))
                : Projections.apart(checkpoint, attention, "o_proj", heads, hidden, queryKeyValueBias, outputBias);
        var shape = new AttentionShape(
                heads.query(),
                heads.keyValue(),
                heads.size(),
                scoreScale,
                window.applyAsInt(index),
                scoreSoftcap,
                null);
        return ScaleGroups.block(
                index,
                residual.apply(prefix, this),
                new AttentionSpec(
                        shape,
                        linears.query(),
                        linears.key(),
                        linears.value(),
                        linears.output(),
                        0,
                        headNorms.make(attention + "q_norm", heads.query()),
                        headNorms.make(attention + "k_norm", heads.keyValue()),
                        turns),
                mixture != null && mixture.in(index)
                        ? mixture.mlp(checkpoint, prefix, hidden)
                        : mlp.apply(prefix, this));
    }

    private Mlp gated(String prefix) {
        int wide = config.positive("intermediate_size", Bounds.WIDTH);
        Activation function = Activations.read(config, activationKey, activation);
        Linear down = linear(prefix + "down_proj", hidden, wide, mlpBias);
        if (fused) {
            Fused matrix = Fused.of(checkpoint, prefix + "gate_up_proj", 2 * wide, hidden);
            return new Mlp.Gated(function, matrix.part("gate", 0, wide), matrix.part("up", wide, wide), down);
        }
        return new Mlp.Gated(
                function,
                linear(prefix + "gate_proj", wide, hidden, mlpBias),
                linear(prefix + "up_proj", wide, hidden, mlpBias),
                down);
    }

    private Linear linear(String name, int rows, int columns, boolean bias) {
        return Projections.linear(checkpoint, name, rows, columns, bias);
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
