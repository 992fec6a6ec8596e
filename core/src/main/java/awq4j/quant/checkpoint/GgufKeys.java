package awq4j.quant.checkpoint;

import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.Architecture;
import awq4j.format.gguf.GgmlType;
import awq4j.format.gguf.GgufWriter;
import awq4j.format.gguf.TensorNames;
import awq4j.kernel.Activation;
import awq4j.kernel.AttentionShape;
import awq4j.model.BlockSpec;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.RopeScaling;
import awq4j.model.Rotary;
import awq4j.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A model's declaration as the keys of a GGUF file. llama.cpp knows some of it by the architecture alone: a model that
 * differs there is refused, since it would run and say nonsense.
 */
final class GgufKeys {
    private static final float SAME = 1e-6f;
    private static final int GEMMA3_PATTERN = 6;
    private static final double GEMMA3_NEARBY = 10_000;

    private final Architecture architecture;
    private final ModelSpec model;
    private final Config config;
    private final AttentionShape shape;
    private final Rotary rotary;

    private GgufKeys(Architecture architecture, ModelSpec model, Config config) {
        this.architecture = architecture;
        this.model = model;
        this.config = config;
        BlockSpec last = model.blocks().getLast(); // of Gemma 3 the one that sees all, or else they are alike
        this.shape = last.attention().shape();
        this.rotary = Objects.requireNonNull(everywhere().attention().rotary(), "all of these rotate");
    }

    /**
     * Looks at a model.
     *
     * @throws UnsupportedModelException if llama.cpp would compute something else
     */
    static GgufKeys of(Architecture architecture, ModelSpec model, Config config) {
        var keys = new GgufKeys(architecture, model, config);
        keys.check();
        return keys;
    }

    /** A block without a window, if there is one. */
    private BlockSpec everywhere() {
        return model.blocks().stream()
                .filter(block -> block.attention().shape().window() == 0)
                .findFirst()
                .orElse(model.blocks().getFirst());
    }

    private boolean isGemma() {
        return switch (architecture) {
            case GEMMA, GEMMA2, GEMMA3 -> true;
            case LLAMA, QWEN2, QWEN3, QWEN2_MOE, QWEN3_MOE, PHI3 -> false;
        };
    }

    private void check() {
        Activation usual = isGemma() ? Activation.GELU_TANH : Activation.SILU;
        for (BlockSpec block : model.blocks()) {
            Mlp.Gated gated = gated(block.mlp());
            require(gated.activation() == usual, "the activation " + gated.activation());
            require(block.mlp() instanceof Mlp.Experts == hasExperts(), "layers with and without experts");
            AttentionShape each = block.attention().shape();
            require(
                    Math.abs(each.scale() - usualScale()) < SAME,
                    "scores times " + each.scale() + ", not " + usualScale());
            require(architecture == Architecture.GEMMA2 || each.softcap() == 0, "a cap on scores");
            require(
                    architecture != Architecture.LLAMA
                            || !block.attention().query().bias()
                            || block.attention().query().rows() == model.hidden(),
                    "biases on queries that are not as wide as the model");
            require(each.window() == 0 || each.window() == window(), "windows of several sizes");
        }
        require(architecture == Architecture.GEMMA2 || model.head().softcap() == 0, "a cap on logits");
        windows();
        mixture();
        rotation();
    }

    private static Mlp.Gated gated(Mlp mlp) {
        return switch (mlp) {
            case Mlp.Gated gated -> gated;
            case Mlp.Experts experts -> experts.experts().getFirst();
            case Mlp.Plain plain -> throw new IllegalStateException("these architectures have gates, found " + plain);
        };
    }

    private boolean hasExperts() {
        return model.blocks().getFirst().mlp() instanceof Mlp.Experts;
    }

    private float usualScale() {
        int layers = model.blocks().size();
        boolean largest = (architecture == Architecture.GEMMA2 && layers == 46)
                || (architecture == Architecture.GEMMA3 && layers == 62);
        return (float) (1 / Math.sqrt(largest ? (double) model.hidden() / shape.heads() : shape.headDim()));
    }

    private int window() {
        return model.blocks().stream()
                .mapToInt(block -> block.attention().shape().window())
                .max()
                .orElse(0);
    }

    private void windows() {
        int window = window();
        for (BlockSpec block : model.blocks()) {
            boolean wanted = switch (architecture) {
                case GEMMA2 -> block.index() % 2 == 0;
                case GEMMA3 -> (block.index() + 1) % GEMMA3_PATTERN != 0;
                case LLAMA, PHI3 -> window > 0;
                case QWEN2, QWEN3, QWEN2_MOE, QWEN3_MOE, GEMMA -> false;
            };
            require(block.attention().shape().window() > 0 == wanted, "windows in other layers");
        }
    }

    private void mixture() {
        if (model.blocks().getFirst().mlp() instanceof Mlp.Experts experts) {
            require(
                    experts.renormalized() == (architecture != Architecture.QWEN2_MOE),
                    "weights of experts that " + (experts.renormalized() ? "" : "do not ") + "add up to one");
        }
    }

    private void rotation() {
        require(
                architecture != Architecture.LLAMA || rotary.rotaryDim() == shape.headDim(),
                "heads that rotate in part");
        if (architecture == Architecture.GEMMA3) {
            for (BlockSpec block : model.blocks()) {
                Rotary nearby = Objects.requireNonNull(block.attention().rotary());
                boolean usual = nearby.theta() == GEMMA3_NEARBY && nearby.scaling() instanceof RopeScaling.Default;
                require(block.attention().shape().window() == 0 || usual, "another rotation in layers with a window");
            }
        }
        switch (rotary.scaling()) {
            case RopeScaling.Default plain -> {}
            case RopeScaling.LinearInterpolation linear -> {}
            case RopeScaling.Llama3 llama -> {}
            case RopeScaling.Yarn yarn -> {}
            case RopeScaling.DynamicNtk dynamic -> require(false, "dynamic rotary scaling");
            case RopeScaling.LongRope stretched ->
                require(
                        architecture == Architecture.PHI3
                                || (stretched.shortFactors().equals(stretched.longFactors())
                                        && stretched.attentionFactor() == 1),
                        "LongRoPE");
        }
    }

    private void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new UnsupportedModelException("the model has " + otherwise + ", which llama.cpp's architecture \""
                    + architecture.label() + "\" has no place for");
        }
    }

    /** What other programs will do otherwise, in whole sentences; often nothing. */
    List<String> remarks() {
        return architecture == Architecture.LLAMA && window() > 0
                ? List.of("A token sees the " + window() + " before it; llama.cpp lets it see all.")
                : List.of();
    }

    /** Adds the keys, and the tensors that rotary factors are kept in. */
    void write(GgufWriter writer) {
        number(writer, "vocab_size", model.vocabulary());
        number(writer, "context_length", model.contextLength());
        number(writer, "embedding_length", model.hidden());
        number(writer, "block_count", model.blocks().size());
        mlp(writer);
        number(writer, "attention.head_count", shape.heads());
        number(writer, "attention.head_count_kv", shape.kvHeads());
        number(writer, "attention.key_length", shape.headDim());
        number(writer, "attention.value_length", shape.headDim());
        Norm norm = Objects.requireNonNull(model.head().norm());
        real(writer, "attention.layer_norm_rms_epsilon", norm.epsilon());
        if (window() > 0 || architecture == Architecture.PHI3) { // llama.cpp asks for it, 0 is none
            number(writer, "attention.sliding_window", window());
        }
        if (architecture == Architecture.GEMMA2) {
            real(writer, "attn_logit_softcapping", shape.softcap());
            real(writer, "final_logit_softcapping", model.head().softcap());
        }
        number(writer, "rope.dimension_count", rotary.rotaryDim());
        real(writer, "rope.freq_base", rotary.theta());
        scaling(writer);
    }

    private void mlp(GgufWriter writer) {
        int wide = gated(model.blocks().getFirst().mlp()).up().rows();
        number(writer, "feed_forward_length", config.integer("intermediate_size", wide));
        if (model.blocks().getFirst().mlp() instanceof Mlp.Experts experts) {
            number(writer, "expert_count", experts.experts().size());
            number(writer, "expert_used_count", experts.chosen());
            if (architecture != Architecture.LLAMA) {
                number(writer, "expert_feed_forward_length", wide);
            }
            if (experts.shared() != null) {
                number(
                        writer,
                        "expert_shared_feed_forward_length",
                        experts.shared().mlp().up().rows());
            }
        }
    }

    private void scaling(GgufWriter writer) {
        switch (rotary.scaling()) {
            case RopeScaling.Default plain -> {}
            case RopeScaling.LinearInterpolation linear -> {
                writer.text(architecture.label() + ".rope.scaling.type", "linear");
                real(writer, "rope.scaling.factor", linear.factor());
            }
            case RopeScaling.Yarn yarn -> {
                writer.text(architecture.label() + ".rope.scaling.type", "yarn");
                real(writer, "rope.scaling.factor", yarn.factor());
                number(writer, "rope.scaling.original_context_length", yarn.originalPositions());
                double usual = yarn.factor() <= 1 ? 1 : 0.1 * Math.log(yarn.factor()) + 1;
                if (yarn.attentionFactor() != usual) {
                    real(writer, "rope.scaling.attn_factor", yarn.attentionFactor() / usual);
                }
                real(writer, "rope.scaling.yarn_beta_fast", yarn.betaFast());
                real(writer, "rope.scaling.yarn_beta_slow", yarn.betaSlow());
            }
            case RopeScaling.Llama3 llama -> factors(writer, TensorNames.ROPE_FACTORS, factors(llama));
            case RopeScaling.LongRope stretched -> {
                if (architecture != Architecture.PHI3) {
                    factors(writer, TensorNames.ROPE_FACTORS, stretched.longFactors());
                    return;
                }
                number(writer, "rope.scaling.original_context_length", stretched.originalPositions());
                real(writer, "rope.scaling.attn_factor", stretched.attentionFactor());
                factors(writer, TensorNames.SHORT_FACTORS, stretched.shortFactors());
                factors(writer, TensorNames.LONG_FACTORS, stretched.longFactors());
            }
            case RopeScaling.DynamicNtk dynamic -> throw new IllegalStateException("checked before: " + dynamic);
        }
    }

    /** What Llama 3 divides each frequency by: nothing for short waves, all for long ones, and between them in part. */
    private List<Double> factors(RopeScaling.Llama3 llama) {
        double low = llama.lowFrequencyFactor();
        double high = llama.highFrequencyFactor();
        var factors = new ArrayList<Double>();
        for (int i = 0; i < rotary.rotaryDim() / 2; i++) {
            double wave = 2 * Math.PI * Math.pow(rotary.theta(), 2.0 * i / rotary.rotaryDim());
            double turns = llama.originalPositions() / wave;
            double smooth = Math.clamp((turns - low) / (high - low), 0, 1);
            factors.add(1 / ((1 - smooth) / llama.factor() + smooth));
        }
        return factors;
    }

    private static void factors(GgufWriter writer, String name, List<Double> factors) {
        float[] values = new float[factors.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = factors.get(i).floatValue();
        }
        writer.tensor(name, GgmlType.F32, Shape.of(values.length), sink -> sink.put(MemorySegment.ofArray(values)));
    }

    private void number(GgufWriter writer, String key, int value) {
        writer.number(architecture.label() + "." + key, value);
    }

    private void real(GgufWriter writer, String key, double value) {
        writer.real(architecture.label() + "." + key, value);
    }
}
