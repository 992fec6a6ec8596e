package awq4j.model;

import static awq4j.model.Definition.VOCABULARY;
import static awq4j.model.SlowModel.attend;
import static awq4j.model.SlowModel.columns;
import static awq4j.model.SlowModel.map;
import static awq4j.model.SlowModel.ofEach;
import static awq4j.model.SlowModel.product;
import static awq4j.model.SlowModel.rotate;
import static awq4j.model.SlowModel.sum;

import java.util.List;
import java.util.stream.Stream;

/** Relatives of Llama. */
final class LlamaDefinitions {
    static final int HIDDEN = 32;
    private static final int WIDE = 64;
    private static final int SIZE = 8;
    private static final int HEADS = 4;
    static final int SHARED = 2;

    private LlamaDefinitions() {}

    static Stream<Definition> all() {
        return Stream.of(
                starCoder2(),
                granite(),
                smolLm3(),
                olmo2(),
                commandR(false),
                commandR(true),
                internLm2(),
                phi3OfPartialRotation(),
                qwen2WithWindows());
    }

    private static double scale() {
        return 1 / Math.sqrt(SIZE);
    }

    static String common(int layers, int kvHeads) {
        return ",\"hidden_size\":" + HIDDEN + ",\"intermediate_size\":" + WIDE + ",\"num_hidden_layers\":" + layers
                + ",\"num_attention_heads\":" + HEADS + ",\"num_key_value_heads\":" + kvHeads
                + ",\"max_position_embeddings\":64";
    }

    static SlowModel llama(long seed, int layers, boolean bias, boolean norms) {
        var model = new SlowModel(seed).matrix("model.embed_tokens.weight", VOCABULARY, HIDDEN);
        for (int i = 0; i < layers; i++) {
            String prefix = "model.layers." + i + ".";
            for (String part : List.of("q", "k", "v")) {
                int rows = part.equals("q") ? HEADS * SIZE : SHARED * SIZE;
                model.matrix(prefix + "self_attn." + part + "_proj.weight", rows, HIDDEN);
                if (bias) {
                    model.bias(prefix + "self_attn." + part + "_proj.bias", rows);
                }
            }
            model.matrix(prefix + "self_attn.o_proj.weight", HIDDEN, HEADS * SIZE);
            if (norms) {
                model.gain(prefix + "input_layernorm.weight", HIDDEN);
                model.gain(prefix + "post_attention_layernorm.weight", HIDDEN);
            }
        }
        return model.gain("model.norm.weight", HIDDEN);
    }

    private static SlowModel gated(SlowModel model, int layers) {
        for (int i = 0; i < layers; i++) {
            String prefix = "model.layers." + i + ".mlp.";
            model.matrix(prefix + "gate_proj.weight", WIDE, HIDDEN)
                    .matrix(prefix + "up_proj.weight", WIDE, HIDDEN)
                    .matrix(prefix + "down_proj.weight", HIDDEN, WIDE);
        }
        return model;
    }

    private static double[][] gatedMlp(SlowModel m, String prefix, double[][] x) {
        double[][] gate = map(m.linear(prefix + "mlp.gate_proj", x), SlowModel::silu);
        return m.linear(prefix + "mlp.down_proj", product(gate, m.linear(prefix + "mlp.up_proj", x)));
    }

    /** Llama's attention with whole heads that rotate. */
    static double[][] attention(SlowModel m, String prefix, double[][] x, double theta, double scale, int window) {
        String own = prefix + "self_attn.";
        double[][] q = rotate(m.linear(own + "q_proj", x), SIZE, SIZE, theta, false);
        double[][] k = rotate(m.linear(own + "k_proj", x), SIZE, SIZE, theta, false);
        return m.linear(own + "o_proj", attend(q, k, m.linear(own + "v_proj", x), SIZE, scale, window));
    }

    private static Definition starCoder2() {
        int window = 6;
        SlowModel m = llama(1, 2, true, true);
        for (int i = 0; i < 2; i++) {
            String prefix = "model.layers." + i + ".";
            m.bias(prefix + "self_attn.o_proj.bias", HIDDEN)
                    .bias(prefix + "input_layernorm.bias", HIDDEN)
                    .bias(prefix + "post_attention_layernorm.bias", HIDDEN)
                    .matrix(prefix + "mlp.c_fc.weight", WIDE, HIDDEN)
                    .bias(prefix + "mlp.c_fc.bias", WIDE)
                    .matrix(prefix + "mlp.c_proj.weight", HIDDEN, WIDE)
                    .bias(prefix + "mlp.c_proj.bias", HIDDEN);
        }
        m.bias("model.norm.bias", HIDDEN);
        String config = common(2, SHARED)
                + ",\"rope_theta\":999999,\"sliding_window\":6,\"norm_epsilon\":1e-5,\"hidden_act\":\"gelu_pytorch_tanh\"";
        return new Definition("starcoder2", "Starcoder2ForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.embed_tokens.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] x = m.layerNorm(prefix + "input_layernorm", h, 1e-5);
                h = sum(h, attention(m, prefix, x, 999_999, scale(), window));
                x = m.layerNorm(prefix + "post_attention_layernorm", h, 1e-5);
                h = sum(h, m.linear(prefix + "mlp.c_proj", map(m.linear(prefix + "mlp.c_fc", x), SlowModel::geluTanh)));
            }
            return m.linear("model.embed_tokens", m.layerNorm("model.norm", h, 1e-5));
        });
    }

    private static Definition granite() {
        SlowModel m = gated(llama(2, 2, false, true), 2).matrix("lm_head.weight", VOCABULARY, HIDDEN);
        String config = common(2, SHARED)
                + ",\"rms_norm_eps\":1e-5,\"rope_theta\":10000,\"embedding_multiplier\":12,\"attention_multiplier\":0.2,"
                + "\"residual_multiplier\":0.22,\"logits_scaling\":8,\"tie_word_embeddings\":false";
        return new Definition("granite", "GraniteForCausalLM", config, m, tokens -> {
            double[][] h = map(m.embed("model.embed_tokens.weight", tokens), x -> 12 * x);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] x = m.rmsNorm(prefix + "input_layernorm", h, 1e-5);
                h = sum(h, attention(m, prefix, x, 10_000, 0.2, 0), 0.22);
                h = sum(h, gatedMlp(m, prefix, m.rmsNorm(prefix + "post_attention_layernorm", h, 1e-5)), 0.22);
            }
            return map(m.linear("lm_head", m.rmsNorm("model.norm", h, 1e-5)), x -> x / 8);
        });
    }

    private static Definition smolLm3() {
        int layers = 5;
        SlowModel m = gated(llama(3, layers, false, true), layers);
        String config =
                common(layers, SHARED) + ",\"rms_norm_eps\":1e-6,\"rope_theta\":5000000,\"no_rope_layer_interval\":4";
        return new Definition("smollm3", "SmolLM3ForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.embed_tokens.weight", tokens);
            for (int i = 0; i < layers; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] x = m.rmsNorm(prefix + "input_layernorm", h, 1e-6);
                double[][] q = m.linear(prefix + "self_attn.q_proj", x);
                double[][] k = m.linear(prefix + "self_attn.k_proj", x);
                if (i != 3) {
                    q = rotate(q, SIZE, SIZE, 5_000_000, false);
                    k = rotate(k, SIZE, SIZE, 5_000_000, false);
                }
                double[][] v = m.linear(prefix + "self_attn.v_proj", x);
                h = sum(h, m.linear(prefix + "self_attn.o_proj", attend(q, k, v, SIZE, scale(), 0)));
                h = sum(h, gatedMlp(m, prefix, m.rmsNorm(prefix + "post_attention_layernorm", h, 1e-6)));
            }
            return m.linear("model.embed_tokens", m.rmsNorm("model.norm", h, 1e-6));
        });
    }

    private static Definition olmo2() {
        SlowModel m = gated(llama(4, 2, false, false), 2).matrix("lm_head.weight", VOCABULARY, HIDDEN);
        for (int i = 0; i < 2; i++) {
            String prefix = "model.layers." + i + ".";
            m.gain(prefix + "self_attn.q_norm.weight", HEADS * SIZE)
                    .gain(prefix + "self_attn.k_norm.weight", SHARED * SIZE)
                    .gain(prefix + "post_attention_layernorm.weight", HIDDEN)
                    .gain(prefix + "post_feedforward_layernorm.weight", HIDDEN);
        }
        String config = common(2, SHARED) + ",\"rms_norm_eps\":1e-6,\"rope_theta\":500000";
        return new Definition("olmo2", "Olmo2ForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.embed_tokens.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                String own = prefix + "self_attn.";
                double[][] q = m.rmsNorm(own + "q_norm", m.linear(own + "q_proj", h), 1e-6);
                double[][] k = m.rmsNorm(own + "k_norm", m.linear(own + "k_proj", h), 1e-6);
                q = rotate(q, SIZE, SIZE, 500_000, false);
                k = rotate(k, SIZE, SIZE, 500_000, false);
                double[][] out = m.linear(own + "o_proj", attend(q, k, m.linear(own + "v_proj", h), SIZE, scale(), 0));
                h = sum(h, m.rmsNorm(prefix + "post_attention_layernorm", out, 1e-6));
                h = sum(h, m.rmsNorm(prefix + "post_feedforward_layernorm", gatedMlp(m, prefix, h), 1e-6));
            }
            return m.linear("lm_head", m.rmsNorm("model.norm", h, 1e-6));
        });
    }

    /** Command-R, or Command-R+ with norms on the heads of queries and keys. */
    private static Definition commandR(boolean plus) {
        SlowModel m = gated(llama(5, 2, false, false), 2);
        for (int i = 0; i < 2; i++) {
            String prefix = "model.layers." + i + ".";
            m.gain(prefix + "input_layernorm.weight", HIDDEN);
            if (plus) {
                m.gains(prefix + "self_attn.q_norm.weight", HEADS, SIZE)
                        .gains(prefix + "self_attn.k_norm.weight", SHARED, SIZE);
            }
        }
        String config = common(2, SHARED) + ",\"layer_norm_eps\":1e-5,\"rope_theta\":75000,\"logit_scale\":0.25"
                + ",\"use_qk_norm\":" + plus;
        return new Definition(plus ? "command_r_plus" : "command_r", "CohereForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.embed_tokens.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                String own = prefix + "self_attn.";
                double[][] x = m.layerNorm(prefix + "input_layernorm", h, 1e-5);
                double[][] q = m.linear(own + "q_proj", x);
                double[][] k = m.linear(own + "k_proj", x);
                if (plus) {
                    q = m.headNorm(own + "q_norm", q, 1e-5);
                    k = m.headNorm(own + "k_norm", k, 1e-5);
                }
                q = rotate(q, SIZE, SIZE, 75_000, true);
                k = rotate(k, SIZE, SIZE, 75_000, true);
                double[][] out = m.linear(own + "o_proj", attend(q, k, m.linear(own + "v_proj", x), SIZE, scale(), 0));
                h = sum(h, sum(out, gatedMlp(m, prefix, x)));
            }
            return map(m.linear("model.embed_tokens", m.layerNorm("model.norm", h, 1e-5)), x -> 0.25 * x);
        });
    }

    private static Definition internLm2() {
        int run = HEADS / SHARED * SIZE;
        SlowModel m = new SlowModel(6)
                .matrix("model.tok_embeddings.weight", VOCABULARY, HIDDEN)
                .gain("model.norm.weight", HIDDEN)
                .matrix("output.weight", VOCABULARY, HIDDEN);
        for (int i = 0; i < 2; i++) {
            String prefix = "model.layers." + i + ".";
            m.gain(prefix + "attention_norm.weight", HIDDEN)
                    .gain(prefix + "ffn_norm.weight", HIDDEN)
                    .matrix(prefix + "attention.wqkv.weight", (HEADS + 2 * SHARED) * SIZE, HIDDEN)
                    .matrix(prefix + "attention.wo.weight", HIDDEN, HEADS * SIZE)
                    .matrix(prefix + "feed_forward.w1.weight", WIDE, HIDDEN)
                    .matrix(prefix + "feed_forward.w2.weight", HIDDEN, WIDE)
                    .matrix(prefix + "feed_forward.w3.weight", WIDE, HIDDEN);
        }
        String config = common(2, SHARED) + ",\"rms_norm_eps\":1e-5,\"rope_theta\":1000000,\"bias\":false";
        return new Definition("internlm2", "InternLM2ForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.tok_embeddings.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] x = m.rmsNorm(prefix + "attention_norm", h, 1e-5);
                double[][] all = m.linear(prefix + "attention.wqkv", x);
                int width = run + 2 * SIZE;
                double[][] q = rotate(ofEach(all, SHARED, width, 0, run), SIZE, SIZE, 1e6, false);
                double[][] k = rotate(ofEach(all, SHARED, width, run, run + SIZE), SIZE, SIZE, 1e6, false);
                double[][] v = ofEach(all, SHARED, width, run + SIZE, width);
                h = sum(h, m.linear(prefix + "attention.wo", attend(q, k, v, SIZE, scale(), 0)));
                x = m.rmsNorm(prefix + "ffn_norm", h, 1e-5);
                double[][] gate = map(m.linear(prefix + "feed_forward.w1", x), SlowModel::silu);
                h = sum(
                        h,
                        m.linear(prefix + "feed_forward.w2", product(gate, m.linear(prefix + "feed_forward.w3", x))));
            }
            return m.linear("output", m.rmsNorm("model.norm", h, 1e-5));
        });
    }

    private static Definition phi3OfPartialRotation() {
        int rows = (HEADS + 2 * SHARED) * SIZE;
        SlowModel m = new SlowModel(11)
                .matrix("model.embed_tokens.weight", VOCABULARY, HIDDEN)
                .gain("model.norm.weight", HIDDEN);
        for (int i = 0; i < 2; i++) {
            String prefix = "model.layers." + i + ".";
            m.gain(prefix + "input_layernorm.weight", HIDDEN)
                    .gain(prefix + "post_attention_layernorm.weight", HIDDEN)
                    .matrix(prefix + "self_attn.qkv_proj.weight", rows, HIDDEN)
                    .matrix(prefix + "self_attn.o_proj.weight", HIDDEN, HEADS * SIZE)
                    .matrix(prefix + "mlp.gate_up_proj.weight", 2 * WIDE, HIDDEN)
                    .matrix(prefix + "mlp.down_proj.weight", HIDDEN, WIDE);
        }
        String config = common(2, SHARED)
                + ",\"rms_norm_eps\":1e-5,\"rope_theta\":10000,\"partial_rotary_factor\":0.75,\"tie_word_embeddings\":true";
        return new Definition("phi3 of partial rotation", "Phi3ForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.embed_tokens.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] all =
                        m.linear(prefix + "self_attn.qkv_proj", m.rmsNorm(prefix + "input_layernorm", h, 1e-5));
                int keys = HEADS * SIZE;
                int values = keys + SHARED * SIZE;
                double[][] q = rotate(columns(all, 0, keys), SIZE, 6, 10_000, false);
                double[][] k = rotate(columns(all, keys, values), SIZE, 6, 10_000, false);
                double[][] out = attend(q, k, columns(all, values, rows), SIZE, scale(), 0);
                h = sum(h, m.linear(prefix + "self_attn.o_proj", out));
                double[][] both =
                        m.linear(prefix + "mlp.gate_up_proj", m.rmsNorm(prefix + "post_attention_layernorm", h, 1e-5));
                double[][] gate = map(columns(both, 0, WIDE), SlowModel::silu);
                h = sum(h, m.linear(prefix + "mlp.down_proj", product(gate, columns(both, WIDE, 2 * WIDE))));
            }
            return m.linear("model.embed_tokens", m.rmsNorm("model.norm", h, 1e-5));
        });
    }

    private static Definition qwen2WithWindows() {
        SlowModel m = gated(llama(13, 3, true, true), 3);
        String config = common(3, SHARED)
                + ",\"rms_norm_eps\":1e-6,\"rope_theta\":10000,\"use_sliding_window\":true,\"sliding_window\":5,"
                + "\"max_window_layers\":1,\"tie_word_embeddings\":true";
        return new Definition("qwen2 with windows", "Qwen2ForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("model.embed_tokens.weight", tokens);
            for (int i = 0; i < 3; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] x = m.rmsNorm(prefix + "input_layernorm", h, 1e-6);
                h = sum(h, attention(m, prefix, x, 10_000, scale(), i >= 1 ? 5 : 0));
                h = sum(h, gatedMlp(m, prefix, m.rmsNorm(prefix + "post_attention_layernorm", h, 1e-6)));
            }
            return m.linear("model.embed_tokens", m.rmsNorm("model.norm", h, 1e-6));
        });
    }
}
