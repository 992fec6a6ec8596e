package awq4j.testing;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Writes the model of a folder as a GGUF file, as llama.cpp's converter lays it out, by code that shares nothing with the
 * project's reader or writer of that format.
 */
public final class GgufModels {
    private final Checkpoint model;
    private final Config config;
    private final BlockType type;
    private final RawGguf raw = new RawGguf();
    private final String architecture;

    private GgufModels(Checkpoint model, String architecture, BlockType type) {
        this.model = model;
        this.config = model.config();
        this.architecture = architecture;
        this.type = type;
    }

    /**
     * The file, to be added to.
     *
     * @param type of matrices; vectors are float32 whatever it is
     */
    public static RawGguf of(Path folder, BlockType type) {
        try (Checkpoint model = Checkpoints.open(folder)) {
            String architecture = switch (model.config().texts("architectures").getFirst()) {
                case "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM" -> "llama";
                case "Qwen2ForCausalLM" -> "qwen2";
                case "Qwen3ForCausalLM" -> "qwen3";
                case "Qwen2MoeForCausalLM" -> "qwen2moe";
                case "Qwen3MoeForCausalLM" -> "qwen3moe";
                case "GemmaForCausalLM" -> "gemma";
                case "Gemma2ForCausalLM" -> "gemma2";
                case "Gemma3ForCausalLM" -> "gemma3";
                case "Phi3ForCausalLM" -> "phi3";
                default -> throw new IllegalArgumentException(folder.toString());
            };
            return new GgufModels(model, architecture, type).write();
        }
    }

    private RawGguf write() {
        int heads = config.integer("num_attention_heads");
        int hidden = config.integer("hidden_size");
        raw.text("general.architecture", architecture);
        number("context_length", config.integer("max_position_embeddings"));
        number("embedding_length", hidden);
        number("block_count", config.integer("num_hidden_layers"));
        number("feed_forward_length", config.integer("intermediate_size"));
        number("attention.head_count", heads);
        number("attention.head_count_kv", config.integer("num_key_value_heads", heads));
        real("rope.freq_base", config.number("rope_theta", 10_000));
        real("attention.layer_norm_rms_epsilon", config.number("rms_norm_eps"));
        if (config.has("head_dim")) {
            number("attention.key_length", config.integer("head_dim"));
            number("attention.value_length", config.integer("head_dim"));
        }
        if (architecture.equals("llama")) {
            number("rope.dimension_count", config.integer("head_dim", hidden / heads));
            number("vocab_size", config.integer("vocab_size"));
        }
        if (config.has("sliding_window")) {
            number("attention.sliding_window", config.integer("sliding_window"));
        }
        for (String cap : List.of("attn_logit_softcapping", "final_logit_softcapping")) {
            if (config.has(cap)) {
                real(cap, config.number(cap));
            }
        }
        experts();
        config.section("rope_scaling").ifPresent(this::scaling);
        tensor("model.embed_tokens", "token_embd");
        for (int i = 0; i < config.integer("num_hidden_layers"); i++) {
            layer("model.layers." + i + ".", "blk." + i + ".");
        }
        tensor("model.norm", "output_norm");
        tensor("lm_head", "output");
        return raw;
    }

    private void scaling(Config scaling) {
        String kind = scaling.text("rope_type", scaling.text("type", ""));
        if (kind.equals("llama3")) {
            raw.floats("rope_freqs.weight", llama3(scaling), frequencies());
            return;
        }
        if (kind.equals("longrope")) {
            longRope(scaling);
            return;
        }
        if (!List.of("linear", "yarn").contains(kind)) {
            throw new IllegalArgumentException("rope scaling " + kind);
        }
        raw.text(architecture + ".rope.scaling.type", kind);
        real("rope.scaling.factor", scaling.number("factor"));
        if (kind.equals("yarn")) {
            number("rope.scaling.original_context_length", scaling.integer("original_max_position_embeddings"));
        }
    }

    private int frequencies() {
        int width = config.integer("hidden_size") / config.integer("num_attention_heads");
        return config.integer("head_dim", width) / 2;
    }

    /** What each frequency is divided by. */
    private float[] llama3(Config scaling) {
        double factor = scaling.number("factor");
        double original = scaling.number("original_max_position_embeddings");
        double longest = original / scaling.number("low_freq_factor");
        double shortest = original / scaling.number("high_freq_factor");
        float[] factors = new float[frequencies()];
        for (int i = 0; i < factors.length; i++) {
            double wave = 2 * Math.PI * Math.pow(config.number("rope_theta"), (double) i / factors.length);
            double smooth = (original / wave - scaling.number("low_freq_factor"))
                    / (scaling.number("high_freq_factor") - scaling.number("low_freq_factor"));
            factors[i] = (float) (wave < shortest ? 1 : wave > longest ? factor : 1 / ((1 - smooth) / factor + smooth));
        }
        return factors;
    }

    private void longRope(Config scaling) {
        int original = config.integer("original_max_position_embeddings");
        double stretch = config.number("max_position_embeddings") / original;
        number("rope.scaling.original_context_length", original);
        real("rope.scaling.attn_factor", stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original)));
        for (String kind : List.of("long", "short")) {
            List<Double> numbers = scaling.numbers(kind + "_factor");
            float[] factors = new float[numbers.size()];
            for (int i = 0; i < factors.length; i++) {
                factors[i] = numbers.get(i).floatValue();
            }
            raw.floats("rope_factors_" + kind + ".weight", factors, factors.length);
        }
    }

    private void experts() {
        String key = config.has("num_local_experts") ? "num_local_experts" : "num_experts";
        if (config.has(key)) {
            number("expert_count", config.integer(key));
            number("expert_used_count", config.integer("num_experts_per_tok"));
        }
        if (config.has("moe_intermediate_size")) {
            number("expert_feed_forward_length", config.integer("moe_intermediate_size"));
        }
    }

    /** All experts of a layer in one tensor. */
    private void experts(String from, String part, String to) {
        int count = config.integer(config.has("num_local_experts") ? "num_local_experts" : "num_experts");
        float[] all = new float[0];
        Shape shape = Shape.of(0);
        for (int expert = 0; expert < count; expert++) {
            Tensor tensor = model.tensor(from + expert + "." + part + ".weight");
            shape = tensor.shape();
            float[] values = tensor.toFloats();
            int at = all.length;
            all = java.util.Arrays.copyOf(all, at + values.length);
            System.arraycopy(values, 0, all, at, values.length);
        }
        raw.tensor(to + ".weight", type.id(), type.encode(all), shape.dim(1), shape.dim(0), count);
    }

    private void layer(String from, String to) {
        boolean turned = architecture.equals("llama");
        int heads = config.integer("num_attention_heads");
        tensor(from + "input_layernorm", to + "attn_norm");
        tensor(from + "self_attn.q_proj", to + "attn_q", turned ? heads : 0);
        tensor(from + "self_attn.k_proj", to + "attn_k", turned ? config.integer("num_key_value_heads", heads) : 0);
        tensor(from + "self_attn.v_proj", to + "attn_v");
        tensor(from + "self_attn.o_proj", to + "attn_output");
        tensor(from + "self_attn.q_norm", to + "attn_q_norm");
        tensor(from + "self_attn.k_norm", to + "attn_k_norm");
        tensor(from + "self_attn.qkv_proj", to + "attn_qkv");
        boolean sandwich = model.has(from + "pre_feedforward_layernorm.weight");
        tensor(from + "post_attention_layernorm", to + (sandwich ? "post_attention_norm" : "ffn_norm"));
        tensor(from + "pre_feedforward_layernorm", to + "ffn_norm");
        tensor(from + "post_feedforward_layernorm", to + "post_ffw_norm");
        mixture(from, to);
        tensor(from + "mlp.gate_up_proj", to + "ffn_up");
        tensor(from + "mlp.gate_proj", to + "ffn_gate");
        tensor(from + "mlp.up_proj", to + "ffn_up");
        tensor(from + "mlp.down_proj", to + "ffn_down");
    }

    private void mixture(String from, String to) {
        tensor(from + "block_sparse_moe.gate", to + "ffn_gate_inp");
        if (model.has(from + "block_sparse_moe.gate.weight")) {
            experts(from + "block_sparse_moe.experts.", "w1", to + "ffn_gate_exps");
            experts(from + "block_sparse_moe.experts.", "w2", to + "ffn_down_exps");
            experts(from + "block_sparse_moe.experts.", "w3", to + "ffn_up_exps");
        }
        tensor(from + "mlp.gate", to + "ffn_gate_inp");
        if (model.has(from + "mlp.gate.weight")) {
            experts(from + "mlp.experts.", "gate_proj", to + "ffn_gate_exps");
            experts(from + "mlp.experts.", "down_proj", to + "ffn_down_exps");
            experts(from + "mlp.experts.", "up_proj", to + "ffn_up_exps");
        }
        if (model.has(from + "mlp.shared_expert_gate.weight")) {
            float[] gate = model.tensor(from + "mlp.shared_expert_gate.weight").toFloats();
            raw.floats(to + "ffn_gate_inp_shexp.weight", gate, gate.length);
        }
        tensor(from + "mlp.shared_expert.gate_proj", to + "ffn_gate_shexp");
        tensor(from + "mlp.shared_expert.down_proj", to + "ffn_down_shexp");
        tensor(from + "mlp.shared_expert.up_proj", to + "ffn_up_shexp");
    }

    private void tensor(String from, String to) {
        tensor(from, to, 0);
    }

    /** Weight and bias, whichever there are. */
    private void tensor(String from, String to, int heads) {
        for (String part : List.of(".weight", ".bias")) {
            if (model.has(from + part)) {
                Tensor tensor = model.tensor(from + part);
                float[] values = heads == 0 ? tensor.toFloats() : turned(tensor, heads);
                if (architecture.startsWith("gemma") && to.endsWith("norm")) {
                    for (int i = 0; i < values.length; i++) {
                        values[i] += 1;
                    }
                }
                add(to + part, tensor.shape(), values);
            }
        }
    }

    private void add(String name, Shape shape, float[] values) {
        long[] dims = new long[shape.rank()];
        for (int i = 0; i < dims.length; i++) {
            dims[dims.length - 1 - i] = shape.dim(i);
        }
        BlockType stored = shape.rank() == 1 ? BlockType.F32 : type;
        raw.tensor(name, stored.id(), stored.encode(values), dims);
    }

    /** As the converter does: rows as [heads, 2, half], the two inner axes swapped. */
    private static float[] turned(Tensor tensor, int heads) {
        float[] values = tensor.toFloats();
        int rows = (int) tensor.shape().dim(0);
        int width = values.length / rows;
        int half = rows / heads / 2;
        float[] out = new float[values.length];
        int to = 0;
        for (int head = 0; head < heads; head++) {
            for (int i = 0; i < half; i++) {
                for (int side = 0; side < 2; side++) {
                    System.arraycopy(values, ((head * 2 + side) * half + i) * width, out, to++ * width, width);
                }
            }
        }
        return out;
    }

    private void number(String key, int value) {
        raw.number(architecture + "." + key, value);
    }

    private void real(String key, double value) {
        raw.real(architecture + "." + key, (float) value);
    }

    /** Encodings of matrices, by their definitions. */
    public enum BlockType {
        F32(0),
        F16(1),
        Q4_0(2),
        Q4_1(3),
        Q5_0(6),
        Q5_1(7),
        Q8_0(8),
        BF16(30);

        private final int id;

        BlockType(int id) {
            this.id = id;
        }

        /** The number by which a file names it. */
        public int id() {
            return id;
        }

        /** Rows of a multiple of 32 values, or plain numbers. */
        public byte[] encode(float[] values) {
            return GgufDefinition.encode(this, values);
        }

        /** What the bytes stand for. */
        public float[] decode(byte[] bytes) {
            return GgufDefinition.decode(this, bytes);
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
