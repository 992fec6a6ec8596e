package awq4j.model;

import static awq4j.model.Definition.VOCABULARY;
import static awq4j.model.SlowModel.attend;
import static awq4j.model.SlowModel.bfloat16;
import static awq4j.model.SlowModel.columns;
import static awq4j.model.SlowModel.map;
import static awq4j.model.SlowModel.ofEach;
import static awq4j.model.SlowModel.rotate;
import static awq4j.model.SlowModel.sum;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Models with plain MLPs, four times as wide as the rest. */
final class WideDefinitions {
    private static final int HIDDEN = 32;
    private static final int WIDE = 64;
    private static final int SIZE = 8;
    private static final int HEADS = 4;

    private WideDefinitions() {}

    static Stream<Definition> all() {
        return Stream.of(
                neoXInARow(),
                falconOfOneNorm(),
                falconInARow(),
                falconRw(16),
                falconRw(12),
                gpt2WithoutPrefix(),
                bigCodeOfManyKeys(),
                bloomOfSixHeads(),
                optWithGelu());
    }

    private static double scale() {
        return 1 / Math.sqrt(SIZE);
    }

    /** Tensors of GPT-NeoX, BLOOM and Falcon, whose names have much in common. */
    private static SlowModel wide(
            SlowModel m, String prefix, String attention, int rows, boolean bias, String... norms) {
        for (String norm : norms) {
            m.gain(prefix + norm + ".weight", HIDDEN).bias(prefix + norm + ".bias", HIDDEN);
        }
        m.matrix(prefix + attention + "query_key_value.weight", rows, HIDDEN)
                .matrix(prefix + attention + "dense.weight", HIDDEN, HIDDEN)
                .matrix(prefix + "mlp.dense_h_to_4h.weight", 4 * HIDDEN, HIDDEN)
                .matrix(prefix + "mlp.dense_4h_to_h.weight", HIDDEN, 4 * HIDDEN);
        if (bias) {
            m.bias(prefix + attention + "query_key_value.bias", rows)
                    .bias(prefix + attention + "dense.bias", HIDDEN)
                    .bias(prefix + "mlp.dense_h_to_4h.bias", 4 * HIDDEN)
                    .bias(prefix + "mlp.dense_4h_to_h.bias", HIDDEN);
        }
        return m;
    }

    private static double[][] wideMlp(SlowModel m, String prefix, double[][] x, boolean tanh) {
        double[][] wide = m.linear(prefix + "mlp.dense_h_to_4h", x);
        return m.linear(prefix + "mlp.dense_4h_to_h", map(wide, tanh ? SlowModel::geluTanh : SlowModel::gelu));
    }

    private static Definition neoXInARow() {
        SlowModel m = new SlowModel(7)
                .matrix("gpt_neox.embed_in.weight", VOCABULARY, HIDDEN)
                .matrix("embed_out.weight", VOCABULARY, HIDDEN)
                .gain("gpt_neox.final_layer_norm.weight", HIDDEN)
                .bias("gpt_neox.final_layer_norm.bias", HIDDEN);
        for (int i = 0; i < 2; i++) {
            wide(
                    m,
                    "gpt_neox.layers." + i + ".",
                    "attention.",
                    3 * HIDDEN,
                    true,
                    "input_layernorm",
                    "post_attention_layernorm");
        }
        String config = ",\"hidden_size\":" + HIDDEN + ",\"intermediate_size\":" + 4 * HIDDEN
                + ",\"num_hidden_layers\":2,\"num_attention_heads\":4,\"max_position_embeddings\":64,\"rotary_pct\":0.5,"
                + "\"rotary_emb_base\":10000,\"use_parallel_residual\":false,\"hidden_act\":\"gelu\"";
        return new Definition("gpt_neox in a row", "GPTNeoXForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("gpt_neox.embed_in.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "gpt_neox.layers." + i + ".";
                double[][] all = m.linear(
                        prefix + "attention.query_key_value", m.layerNorm(prefix + "input_layernorm", h, 1e-5));
                double[][] q = rotate(ofEach(all, HEADS, 3 * SIZE, 0, SIZE), SIZE, 4, 10_000, false);
                double[][] k = rotate(ofEach(all, HEADS, 3 * SIZE, SIZE, 2 * SIZE), SIZE, 4, 10_000, false);
                double[][] v = ofEach(all, HEADS, 3 * SIZE, 2 * SIZE, 3 * SIZE);
                h = sum(h, m.linear(prefix + "attention.dense", attend(q, k, v, SIZE, scale(), 0)));
                h = sum(h, wideMlp(m, prefix, m.layerNorm(prefix + "post_attention_layernorm", h, 1e-5), false));
            }
            return m.linear("embed_out", m.layerNorm("gpt_neox.final_layer_norm", h, 1e-5));
        });
    }

    private static SlowModel falcon(long seed, int kvHeads, String... norms) {
        return falcon(seed, (HEADS + 2 * kvHeads) * SIZE, false, norms);
    }

    private static SlowModel falcon(long seed, int rows, boolean bias, String... norms) {
        SlowModel m = new SlowModel(seed)
                .matrix("transformer.word_embeddings.weight", VOCABULARY, HIDDEN)
                .gain("transformer.ln_f.weight", HIDDEN)
                .bias("transformer.ln_f.bias", HIDDEN);
        for (int i = 0; i < 2; i++) {
            wide(m, "transformer.h." + i + ".", "self_attention.", rows, bias, norms);
        }
        return m;
    }

    private static String falconConfig(String more) {
        return ",\"hidden_size\":" + HIDDEN + ",\"num_hidden_layers\":2,\"num_attention_heads\":4," + more
                + ",\"bias\":false,\"alibi\":false,\"rope_theta\":500042,\"max_position_embeddings\":64";
    }

    /** For each group its queries, a key and a value. */
    private static double[][] falconAttention(SlowModel m, String prefix, double[][] x, int groups) {
        double[][] all = m.linear(prefix + "self_attention.query_key_value", x);
        int run = HEADS / groups * SIZE;
        int width = run + 2 * SIZE;
        double[][] q = rotate(ofEach(all, groups, width, 0, run), SIZE, SIZE, 500_042, false);
        double[][] k = rotate(ofEach(all, groups, width, run, run + SIZE), SIZE, SIZE, 500_042, false);
        double[][] v = ofEach(all, groups, width, run + SIZE, width);
        return m.linear(prefix + "self_attention.dense", attend(q, k, v, SIZE, scale(), 0));
    }

    private static Definition falconOfOneNorm() {
        SlowModel m = falcon(8, 2, "input_layernorm");
        String config =
                falconConfig("\"new_decoder_architecture\":true,\"num_kv_heads\":2,\"num_ln_in_parallel_attn\":1");
        return new Definition("falcon of one norm", "FalconForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("transformer.word_embeddings.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "transformer.h." + i + ".";
                double[][] x = m.layerNorm(prefix + "input_layernorm", h, 1e-5);
                h = sum(h, sum(falconAttention(m, prefix, x, 2), wideMlp(m, prefix, x, false)));
            }
            return m.linear("transformer.word_embeddings", m.layerNorm("transformer.ln_f", h, 1e-5));
        });
    }

    private static Definition falconInARow() {
        SlowModel m = falcon(9, HEADS, "input_layernorm", "post_attention_layernorm");
        String config =
                falconConfig("\"new_decoder_architecture\":false,\"multi_query\":false,\"parallel_attn\":false");
        return new Definition("falcon in a row", "FalconForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("transformer.word_embeddings.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "transformer.h." + i + ".";
                h = sum(h, falconAttention(m, prefix, m.layerNorm(prefix + "input_layernorm", h, 1e-5), HEADS));
                h = sum(h, wideMlp(m, prefix, m.layerNorm(prefix + "post_attention_layernorm", h, 1e-5), false));
            }
            return m.linear("transformer.word_embeddings", m.layerNorm("transformer.ln_f", h, 1e-5));
        });
    }

    /** Biases by the place of the key, rounded at each step, and scaled as scores are; 12 heads have slopes of 8 and of 16. */
    private static Definition falconRw(int heads) {
        int size = heads == 16 ? 2 : 4;
        int hidden = heads * size;
        SlowModel m = new SlowModel(30 + heads)
                .matrix("transformer.word_embeddings.weight", VOCABULARY, hidden)
                .gain("transformer.ln_f.weight", hidden)
                .bias("transformer.ln_f.bias", hidden);
        for (int i = 0; i < 2; i++) {
            String prefix = "transformer.h." + i + ".";
            for (String norm : List.of("input_layernorm", "post_attention_layernorm")) {
                m.gain(prefix + norm + ".weight", hidden).bias(prefix + norm + ".bias", hidden);
            }
            m.matrix(prefix + "self_attention.query_key_value.weight", 3 * hidden, hidden)
                    .bias(prefix + "self_attention.query_key_value.bias", 3 * hidden)
                    .matrix(prefix + "self_attention.dense.weight", hidden, hidden)
                    .bias(prefix + "self_attention.dense.bias", hidden)
                    .matrix(prefix + "mlp.dense_h_to_4h.weight", 4 * hidden, hidden)
                    .bias(prefix + "mlp.dense_h_to_4h.bias", 4 * hidden)
                    .matrix(prefix + "mlp.dense_4h_to_h.weight", hidden, 4 * hidden)
                    .bias(prefix + "mlp.dense_4h_to_h.bias", hidden);
        }
        String config = ",\"hidden_size\":" + hidden + ",\"num_hidden_layers\":2,\"num_attention_heads\":" + heads
                + ",\"new_decoder_architecture\":false,\"multi_query\":false,\"parallel_attn\":false,\"bias\":true,"
                + "\"alibi\":true,\"max_position_embeddings\":64";
        double root = Math.sqrt(size);
        return new Definition("falcon_rw of " + heads + " heads", "FalconForCausalLM", config, m, tokens -> {
            double[][] h = m.embed("transformer.word_embeddings.weight", tokens);
            for (int i = 0; i < 2; i++) {
                String prefix = "transformer.h." + i + ".";
                double[][] x = m.layerNorm(prefix + "input_layernorm", h, 1e-5);
                double[][] all = m.linear(prefix + "self_attention.query_key_value", x);
                double[][] out = attend(
                        ofEach(all, heads, 3 * size, 0, size),
                        ofEach(all, heads, 3 * size, size, 2 * size),
                        ofEach(all, heads, 3 * size, 2 * size, 3 * size),
                        size,
                        1 / root,
                        0,
                        (head, key, query) -> bfloat16(bfloat16(slope(head, heads)) * bfloat16(key)) / root);
                h = sum(h, m.linear(prefix + "self_attention.dense", out));
                h = sum(h, wideMlp(m, prefix, m.layerNorm(prefix + "post_attention_layernorm", h, 1e-5), false));
            }
            return m.linear("transformer.word_embeddings", m.layerNorm("transformer.ln_f", h, 1e-5));
        });
    }

    /** Of 16 heads 2^(-1/2), 2^(-1), ...; of 12 heads those of 8, then the 1st, 3rd, 5th and 7th of 16. */
    private static double slope(int head, int heads) {
        if (heads == 16) {
            return Math.pow(2, -(head + 1) / 2.0);
        }
        return head < 8 ? Math.pow(2, -(head + 1)) : Math.pow(2, -(2 * (head - 8) + 1) / 2.0);
    }

    private static Definition gpt2WithoutPrefix() {
        SlowModel m = new SlowModel(10)
                .matrix("wte.weight", VOCABULARY, HIDDEN)
                .matrix("wpe.weight", 64, HIDDEN)
                .gain("ln_f.weight", HIDDEN)
                .bias("ln_f.bias", HIDDEN);
        for (int i = 0; i < 2; i++) {
            String prefix = "h." + i + ".";
            for (String norm : List.of("ln_1", "ln_2")) {
                m.gain(prefix + norm + ".weight", HIDDEN).bias(prefix + norm + ".bias", HIDDEN);
            }
            m.turned(prefix + "attn.c_attn.weight", 3 * HIDDEN, HIDDEN)
                    .bias(prefix + "attn.c_attn.bias", 3 * HIDDEN)
                    .turned(prefix + "attn.c_proj.weight", HIDDEN, HIDDEN)
                    .bias(prefix + "attn.c_proj.bias", HIDDEN)
                    .turned(prefix + "mlp.c_fc.weight", WIDE, HIDDEN)
                    .bias(prefix + "mlp.c_fc.bias", WIDE)
                    .turned(prefix + "mlp.c_proj.weight", HIDDEN, WIDE)
                    .bias(prefix + "mlp.c_proj.bias", HIDDEN);
        }
        String config = ",\"n_embd\":" + HIDDEN + ",\"n_head\":4,\"n_layer\":2,\"n_positions\":64,\"n_inner\":" + WIDE
                + ",\"layer_norm_epsilon\":1e-5,\"scale_attn_by_inverse_layer_idx\":true";
        return new Definition("gpt2 without prefix", "GPT2LMHeadModel", config, m, tokens -> {
            int[] positions = IntStream.range(0, tokens.length).toArray();
            double[][] h = sum(m.embed("wte.weight", tokens), m.embed("wpe.weight", positions));
            for (int i = 0; i < 2; i++) {
                String prefix = "h." + i + ".";
                double[][] all = m.turnedLinear(prefix + "attn.c_attn", m.layerNorm(prefix + "ln_1", h, 1e-5));
                double[][] out = attend(
                        columns(all, 0, HIDDEN),
                        columns(all, HIDDEN, 2 * HIDDEN),
                        columns(all, 2 * HIDDEN, 3 * HIDDEN),
                        SIZE,
                        scale() / (i + 1),
                        0);
                h = sum(h, m.turnedLinear(prefix + "attn.c_proj", out));
                double[][] wide = m.turnedLinear(prefix + "mlp.c_fc", m.layerNorm(prefix + "ln_2", h, 1e-5));
                h = sum(h, m.turnedLinear(prefix + "mlp.c_proj", map(wide, SlowModel::geluTanh)));
            }
            return m.linear("wte", m.layerNorm("ln_f", h, 1e-5));
        });
    }

    /** Without multi_query the rows of each head's query, key and value follow one another. */
    private static Definition bigCodeOfManyKeys() {
        SlowModel m = new SlowModel(11)
                .matrix("transformer.wte.weight", VOCABULARY, HIDDEN)
                .matrix("transformer.wpe.weight", 64, HIDDEN)
                .gain("transformer.ln_f.weight", HIDDEN)
                .bias("transformer.ln_f.bias", HIDDEN);
        String prefix = "transformer.h.0.";
        for (String norm : List.of("ln_1", "ln_2")) {
            m.gain(prefix + norm + ".weight", HIDDEN).bias(prefix + norm + ".bias", HIDDEN);
        }
        m.matrix(prefix + "attn.c_attn.weight", 3 * HIDDEN, HIDDEN)
                .bias(prefix + "attn.c_attn.bias", 3 * HIDDEN)
                .matrix(prefix + "attn.c_proj.weight", HIDDEN, HIDDEN)
                .bias(prefix + "attn.c_proj.bias", HIDDEN)
                .matrix(prefix + "mlp.c_fc.weight", WIDE, HIDDEN)
                .bias(prefix + "mlp.c_fc.bias", WIDE)
                .matrix(prefix + "mlp.c_proj.weight", HIDDEN, WIDE)
                .bias(prefix + "mlp.c_proj.bias", HIDDEN);
        String config = ",\"n_embd\":" + HIDDEN + ",\"n_head\":4,\"n_layer\":1,\"n_positions\":64,\"n_inner\":" + WIDE
                + ",\"layer_norm_epsilon\":1e-5,\"multi_query\":false,\"activation_function\":\"gelu_pytorch_tanh\"";
        return new Definition("gpt_bigcode of many keys", "GPTBigCodeForCausalLM", config, m, tokens -> {
            int[] positions = IntStream.range(0, tokens.length).toArray();
            double[][] h = sum(m.embed("transformer.wte.weight", tokens), m.embed("transformer.wpe.weight", positions));
            double[][] all = m.linear(prefix + "attn.c_attn", m.layerNorm(prefix + "ln_1", h, 1e-5));
            double[][] out = attend(
                    ofEach(all, HEADS, 3 * SIZE, 0, SIZE),
                    ofEach(all, HEADS, 3 * SIZE, SIZE, 2 * SIZE),
                    ofEach(all, HEADS, 3 * SIZE, 2 * SIZE, 3 * SIZE),
                    SIZE,
                    scale(),
                    0);
            h = sum(h, m.linear(prefix + "attn.c_proj", out));
            double[][] wide = m.linear(prefix + "mlp.c_fc", m.layerNorm(prefix + "ln_2", h, 1e-5));
            h = sum(h, m.linear(prefix + "mlp.c_proj", map(wide, SlowModel::geluTanh)));
            return m.linear("transformer.wte", m.layerNorm("transformer.ln_f", h, 1e-5));
        });
    }

    private static Definition bloomOfSixHeads() {
        SlowModel m = new SlowModel(12);
        int hidden = 24;
        int size = 4;
        int count = 6;
        m.matrix("word_embeddings.weight", VOCABULARY, hidden);
        for (String norm :
                List.of("word_embeddings_layernorm", "ln_f", "h.0.input_layernorm", "h.0.post_attention_layernorm")) {
            m.gain(norm + ".weight", hidden).bias(norm + ".bias", hidden);
        }
        m.matrix("h.0.self_attention.query_key_value.weight", 3 * hidden, hidden)
                .bias("h.0.self_attention.query_key_value.bias", 3 * hidden)
                .matrix("h.0.self_attention.dense.weight", hidden, hidden)
                .bias("h.0.self_attention.dense.bias", hidden)
                .matrix("h.0.mlp.dense_h_to_4h.weight", 4 * hidden, hidden)
                .bias("h.0.mlp.dense_h_to_4h.bias", 4 * hidden)
                .matrix("h.0.mlp.dense_4h_to_h.weight", hidden, 4 * hidden)
                .bias("h.0.mlp.dense_4h_to_h.bias", hidden);
        // four heads: 2^-2, 2^-4, 2^-6, 2^-8; the rest from the series of eight: 2^-1, 2^-3
        double[] slopes = {0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8, 0x1p-1, 0x1p-3};
        String config = ",\"hidden_size\":24,\"n_layer\":1,\"n_head\":6,\"layer_norm_epsilon\":1e-5";
        return new Definition("bloom of six heads", "BloomForCausalLM", config, m, tokens -> {
            double[][] h = m.layerNorm("word_embeddings_layernorm", m.embed("word_embeddings.weight", tokens), 1e-5);
            double[][] all =
                    m.linear("h.0.self_attention.query_key_value", m.layerNorm("h.0.input_layernorm", h, 1e-5));
            double[][] out = attend(
                    ofEach(all, count, 3 * size, 0, size),
                    ofEach(all, count, 3 * size, size, 2 * size),
                    ofEach(all, count, 3 * size, 2 * size, 3 * size),
                    size,
                    1 / Math.sqrt(size),
                    0,
                    slopes);
            h = sum(h, m.linear("h.0.self_attention.dense", out));
            h = sum(h, wideMlp(m, "h.0.", m.layerNorm("h.0.post_attention_layernorm", h, 1e-5), true));
            return m.linear("word_embeddings", m.layerNorm("ln_f", h, 1e-5));
        });
    }

    private static Definition optWithGelu() {
        String root = "model.decoder.";
        SlowModel m = new SlowModel(14)
                .matrix(root + "embed_tokens.weight", VOCABULARY, HIDDEN)
                .matrix(root + "embed_positions.weight", 66, HIDDEN)
                .gain(root + "final_layer_norm.weight", HIDDEN)
                .bias(root + "final_layer_norm.bias", HIDDEN);
        String prefix = root + "layers.0.";
        for (String part : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
            m.matrix(prefix + "self_attn." + part + ".weight", HIDDEN, HIDDEN)
                    .bias(prefix + "self_attn." + part + ".bias", HIDDEN);
        }
        for (String norm : List.of("self_attn_layer_norm", "final_layer_norm")) {
            m.gain(prefix + norm + ".weight", HIDDEN).bias(prefix + norm + ".bias", HIDDEN);
        }
        m.matrix(prefix + "fc1.weight", WIDE, HIDDEN)
                .bias(prefix + "fc1.bias", WIDE)
                .matrix(prefix + "fc2.weight", HIDDEN, WIDE)
                .bias(prefix + "fc2.bias", HIDDEN);
        String config = ",\"hidden_size\":32,\"ffn_dim\":64,\"num_hidden_layers\":1,\"num_attention_heads\":4,"
                + "\"max_position_embeddings\":64,\"activation_function\":\"gelu\"";
        return new Definition("opt with gelu", "OPTForCausalLM", config, m, tokens -> {
            int[] positions = IntStream.range(2, tokens.length + 2).toArray();
            double[][] h = sum(
                    m.embed(root + "embed_tokens.weight", tokens), m.embed(root + "embed_positions.weight", positions));
            double[][] x = m.layerNorm(prefix + "self_attn_layer_norm", h, 1e-5);
            double[][] out = attend(
                    m.linear(prefix + "self_attn.q_proj", x),
                    m.linear(prefix + "self_attn.k_proj", x),
                    m.linear(prefix + "self_attn.v_proj", x),
                    SIZE,
                    scale(),
                    0);
            h = sum(h, m.linear(prefix + "self_attn.out_proj", out));
            double[][] wide = m.linear(prefix + "fc1", m.layerNorm(prefix + "final_layer_norm", h, 1e-5));
            h = sum(h, m.linear(prefix + "fc2", map(wide, SlowModel::gelu)));
            return m.linear(root + "embed_tokens", m.layerNorm(root + "final_layer_norm", h, 1e-5));
        });
    }
}
