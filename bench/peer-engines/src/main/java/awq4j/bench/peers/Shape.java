package awq4j.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The measures of a Llama: every engine gets a model of the same ones.
 *
 * @param name on the command line, in reports and in names of files
 * @param hidden columns of the linears, a multiple of 256
 * @param wide rows of gate and up, a multiple of 256
 */
record Shape(String name, int hidden, int wide, int layers, int heads, int kvHeads, int vocabulary) {
    /** Positions that the files state; a run needs no more. */
    static final int POSITIONS = 2048;

    static final float NORM_EPSILON = 1e-5f;
    static final float ROPE_THETA = 10000;

    private static final List<Shape> KNOWN = List.of(
            new Shape("tinyllama-1.1b", 2048, 5632, 22, 32, 4, 32000),
            new Shape("llama-2-7b", 4096, 11008, 32, 32, 32, 32000),
            new Shape("toy", 512, 1024, 2, 8, 2, 1024));

    /** Quantized formats of the engines put up to 256 weights of a row into one block. */
    private static final int BLOCK = 256;

    Shape {
        if (hidden % BLOCK != 0 || wide % BLOCK != 0 || hidden % heads != 0 || heads % kvHeads != 0) {
            throw new IllegalArgumentException("shape " + name + ": expected hidden and wide in multiples of " + BLOCK
                    + ", heads that divide hidden and are a multiple of kvHeads, found hidden " + hidden + ", wide "
                    + wide + ", heads " + heads + ", kvHeads " + kvHeads);
        }
    }

    /**
     * One by its name.
     *
     * @throws IllegalArgumentException if there is none
     */
    static Shape named(String name) {
        return KNOWN.stream()
                .filter(shape -> shape.name.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("shape " + name + " is not known; known: "
                        + KNOWN.stream().map(Shape::name).collect(Collectors.joining(", "))));
    }

    /** As a {@code config.json} tells it. */
    ObjectNode config() {
        ObjectNode config = JsonMapper.builder().build().createObjectNode();
        config.putArray("architectures").add("LlamaForCausalLM");
        return config.put("model_type", "llama")
                .put("hidden_size", hidden)
                .put("intermediate_size", wide)
                .put("num_hidden_layers", layers)
                .put("num_attention_heads", heads)
                .put("num_key_value_heads", kvHeads)
                .put("vocab_size", vocabulary)
                .put("max_position_embeddings", POSITIONS)
                .put("rms_norm_eps", NORM_EPSILON)
                .put("rope_theta", (double) ROPE_THETA)
                .put("hidden_act", "silu")
                .put("tie_word_embeddings", false);
    }

    /** Writes {@link #config} into a folder; gives the file. */
    Path writeConfig(Path folder) throws IOException {
        return Files.writeString(folder.resolve(name + ".json"), config().toPrettyString());
    }

    int headDim() {
        return hidden / heads;
    }

    int kvColumns() {
        return headDim() * kvHeads;
    }

    /**
     * A matrix of a model.
     *
     * @param gguf its name in GGUF files, without {@code .weight}
     * @param huggingFace its name in safetensors files, without {@code .weight}
     */
    record Matrix(String gguf, String huggingFace, int rows, int columns) {}

    /** A vector of a model: norms. */
    record Norm(String gguf, String huggingFace) {}

    Matrix embedding() {
        return new Matrix("token_embd", "model.embed_tokens", vocabulary, hidden);
    }

    Matrix head() {
        return new Matrix("output", "lm_head", vocabulary, hidden);
    }

    /** The linears of all blocks, in the order of a forward pass. */
    List<Matrix> linears() {
        var all = new ArrayList<Matrix>();
        for (int i = 0; i < layers; i++) {
            String gguf = "blk." + i + ".";
            String face = "model.layers." + i + ".";
            all.add(new Matrix(gguf + "attn_q", face + "self_attn.q_proj", hidden, hidden));
            all.add(new Matrix(gguf + "attn_k", face + "self_attn.k_proj", kvColumns(), hidden));
            all.add(new Matrix(gguf + "attn_v", face + "self_attn.v_proj", kvColumns(), hidden));
            all.add(new Matrix(gguf + "attn_output", face + "self_attn.o_proj", hidden, hidden));
            all.add(new Matrix(gguf + "ffn_gate", face + "mlp.gate_proj", wide, hidden));
            all.add(new Matrix(gguf + "ffn_up", face + "mlp.up_proj", wide, hidden));
            all.add(new Matrix(gguf + "ffn_down", face + "mlp.down_proj", hidden, wide));
        }
        return all;
    }

    /** All norms, each of {@link #hidden} ones. */
    List<Norm> norms() {
        var all = new ArrayList<Norm>();
        for (int i = 0; i < layers; i++) {
            all.add(new Norm("blk." + i + ".attn_norm", "model.layers." + i + ".input_layernorm"));
            all.add(new Norm("blk." + i + ".ffn_norm", "model.layers." + i + ".post_attention_layernorm"));
        }
        all.add(new Norm("output_norm", "model.norm"));
        return all;
    }
}
