package awq4j.format.gguf;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Writes the metadata of a GGUF file as the {@code config.json} that transformers would have for the model. */
final class ConfigSynthesis {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final String EMBEDDING = "token_embd.weight";

    /** Markers that end a turn, whatever key names them: files do not say all of a model's end tokens. */
    private static final Set<String> END_MARKERS = Set.of(
            "<|eot_id|>",
            "<|eom_id|>",
            "<|end_of_text|>",
            "<|im_end|>",
            "<|endoftext|>",
            "<|end|>",
            "<end_of_turn>",
            "<end_of_utterance>",
            "<EOT>");

    private static final int CONTROL = 3;
    private static final int MOST_FACTORS = 1 << 16;
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final GgufFiles files;
    private final GgufMetadata metadata;
    private final Architecture architecture;
    private final ObjectNode config = MAPPER.createObjectNode();

    private ConfigSynthesis(GgufFiles files, Architecture architecture) {
        this.files = files;
        this.metadata = files.metadata();
        this.architecture = architecture;
    }

    /** The configuration of a model; messages about it name the file. */
    static Config of(GgufFiles files, Architecture architecture) {
        var synthesis = new ConfigSynthesis(files, architecture);
        synthesis.write();
        return Config.of(metadata(files).file(), synthesis.config);
    }

    private static GgufMetadata metadata(GgufFiles files) {
        return files.metadata();
    }

    private void write() {
        int heads = perLayer("attention.head_count");
        int hidden = metadata.integer(key("embedding_length"));
        int kvHeads = has("attention.head_count_kv") ? perLayer("attention.head_count_kv") : heads;
        if (heads < 1 || kvHeads < 1) {
            throw metadata.wrong(key("attention.head_count" + (heads < 1 ? "" : "_kv")), "positive");
        }
        int headDim = metadata.integer(key("attention.key_length"), hidden / heads);
        if (metadata.integer(key("attention.value_length"), headDim) != headDim) {
            throw metadata.wrong(key("attention.value_length"), headDim + ", as long as keys");
        }
        config.putArray("architectures").add(transformersClass());
        config.put("model_type", architecture.modelType());
        config.put(
                architecture.isGemma() ? "hidden_activation" : "hidden_act",
                architecture.isGemma() ? "gelu_pytorch_tanh" : "silu");
        config.put("hidden_size", hidden);
        config.put("intermediate_size", wide());
        config.put("num_hidden_layers", metadata.integer(key("block_count")));
        config.put("num_attention_heads", heads);
        config.put("num_key_value_heads", kvHeads);
        config.put("head_dim", headDim);
        config.put("max_position_embeddings", metadata.integer(key("context_length")));
        config.put("vocab_size", vocabulary());
        config.put("rms_norm_eps", metadata.number(key("attention.layer_norm_rms_epsilon")));
        config.put("tie_word_embeddings", !files.has("output.weight"));
        if (has("attention.sliding_window") && metadata.integer(key("attention.sliding_window")) > 0) {
            config.put("sliding_window", metadata.integer(key("attention.sliding_window")));
        }
        experts();
        if (architecture.isGemma()) {
            gemma(headDim, hidden / heads);
        }
        rotary(headDim);
        tokens();
    }

    private String transformersClass() {
        if (architecture != Architecture.LLAMA) {
            return architecture.transformers();
        }
        boolean window = has("attention.sliding_window") && metadata.integer(key("attention.sliding_window")) > 0;
        return hasExperts() ? Architecture.MIXTRAL : window ? Architecture.MISTRAL : architecture.transformers();
    }

    private boolean hasExperts() {
        return has("expert_count") && metadata.integer(key("expert_count")) > 0;
    }

    /** Models whose layers all have experts may state none, or 0. */
    private int wide() {
        int stated = has("feed_forward_length") || !hasExperts() ? perLayer("feed_forward_length") : 0;
        return stated == 0 && hasExperts() ? expertRows(0) : stated;
    }

    private int expertRows(int otherwise) {
        String first = "blk.0.ffn_gate_exps.weight";
        if (files.has(first) && files.tensor(first).shape().rank() == 3) {
            return Math.toIntExact(Math.min(files.tensor(first).shape().dim(1), Integer.MAX_VALUE));
        }
        return otherwise;
    }

    private void experts() {
        if (!hasExperts()) {
            return;
        }
        boolean mixtral = architecture == Architecture.LLAMA;
        config.put(mixtral ? "num_local_experts" : "num_experts", metadata.integer(key("expert_count")));
        config.put("num_experts_per_tok", metadata.integer(key("expert_used_count")));
        if (mixtral) {
            return;
        }
        config.put("norm_topk_prob", architecture == Architecture.QWEN3_MOE);
        config.put("decoder_sparse_step", 1);
        config.put(
                "moe_intermediate_size",
                metadata.integer(
                        key("expert_feed_forward_length"),
                        expertRows(config.get("intermediate_size").asInt())));
        String shared = "blk.0.ffn_gate_shexp.weight";
        if (files.has(shared)) {
            long rows = files.tensor(shared).shape().dim(0);
            config.put("shared_expert_intermediate_size", (int) Math.min(rows, Integer.MAX_VALUE));
        }
    }

    /** What llama.cpp knows of these models without being told: the scale of scores, which layers have a window. */
    private void gemma(int headDim, int headWidth) {
        if (architecture == Architecture.GEMMA) {
            return;
        }
        int layers = config.get("num_hidden_layers").asInt();
        boolean largest = layers == (architecture == Architecture.GEMMA2 ? 46 : 62); // those of 27B
        config.put("query_pre_attn_scalar", largest ? headWidth : headDim);
        softcap("attn_logit_softcapping", architecture == Architecture.GEMMA2 ? 50 : 0);
        softcap("final_logit_softcapping", architecture == Architecture.GEMMA2 ? 30 : 0);
        if (architecture == Architecture.GEMMA3) {
            config.put("sliding_window_pattern", 6);
            config.put("rope_local_base_freq", metadata.number(key("rope.freq_base_swa"), 10_000));
        }
    }

    private void softcap(String name, double otherwise) {
        double cap = metadata.number(key(name), otherwise);
        if (cap > 0) {
            config.put(name, cap);
        } else {
            config.putNull(name);
        }
    }

    private int vocabulary() {
        if (!files.has(EMBEDDING)) {
            throw new MalformedFileException(metadata.file(), -1, "has no tensor " + EMBEDDING);
        }
        GgufTensor table = files.tensor(EMBEDDING);
        long rows = table.shape().dim(0);
        if (table.shape().rank() != 2 || rows > Integer.MAX_VALUE) {
            throw new MalformedFileException(
                    metadata.file(), -1, EMBEDDING + ": expected [vocabulary, hidden], found " + table.shape());
        }
        return (int) rows;
    }

    private void rotary(int headDim) {
        config.put("rope_theta", metadata.number(key("rope.freq_base"), 10_000));
        int rotated = metadata.integer(key("rope.dimension_count"), headDim);
        if (rotated != headDim) {
            if (architecture.interleaved()) {
                throw new UnsupportedModelException(metadata.file().getFileName() + ": " + rotated + " of " + headDim
                        + " values of a head rotate, which is not supported for " + architecture.label());
            }
            config.put("partial_rotary_factor", (double) rotated / headDim);
        }
        if (files.has(TensorNames.ROPE_FACTORS)) {
            int context = metadata.integer(key("context_length"));
            factors(TensorNames.ROPE_FACTORS, TensorNames.ROPE_FACTORS, context);
            return;
        }
        if (files.has(TensorNames.SHORT_FACTORS) && files.has(TensorNames.LONG_FACTORS)) {
            int original = metadata.integer(key("rope.scaling.original_context_length"));
            factors(TensorNames.SHORT_FACTORS, TensorNames.LONG_FACTORS, original);
            return;
        }
        String type = metadata.text(key("rope.scaling.type"), has("rope.scale_linear") ? "linear" : "none");
        switch (type) {
            case "none" -> {}
            case "linear" -> {
                double factor =
                        metadata.number(key("rope.scaling.factor"), metadata.number(key("rope.scale_linear"), 1));
                if (factor != 1) {
                    config.putObject("rope_scaling").put("rope_type", "linear").put("factor", factor);
                }
            }
            case "yarn" -> yarn();
            default ->
                throw new UnsupportedModelException(metadata.file().getFileName() + ": rope scaling \""
                        + ByteCursor.shown(type) + "\" is not supported; supported: none, linear, yarn");
        }
    }

    /** Rotary frequencies that are changed one by one: LongRoPE, or what Llama 3 comes to. */
    private void factors(String brief, String extended, int original) {
        ObjectNode scaling = config.putObject("rope_scaling").put("rope_type", "longrope");
        scaling.put("original_max_position_embeddings", original);
        scaling.put("attention_factor", metadata.number(key("rope.scaling.attn_factor"), 1));
        factors(brief, scaling.putArray("short_factor"));
        factors(extended, scaling.putArray("long_factor"));
    }

    private void factors(String name, ArrayNode into) {
        GgufTensor tensor = files.tensor(name);
        if (tensor.type() != GgmlType.F32 || tensor.shape().rank() != 1 || tensor.columns() > MOST_FACTORS) {
            throw new MalformedFileException(
                    metadata.file(),
                    -1,
                    name + ": expected few float32 numbers, found " + tensor.typeName() + " " + tensor.shape());
        }
        MemorySegment data = files.data(name);
        for (long i = 0; i < tensor.columns(); i++) {
            into.add((double) data.get(FLOAT, i * Float.BYTES));
        }
    }

    private void yarn() {
        double factor = metadata.number(key("rope.scaling.factor"));
        ObjectNode scaling =
                config.putObject("rope_scaling").put("rope_type", "yarn").put("factor", factor);
        if (has("rope.scaling.original_context_length")) {
            scaling.put(
                    "original_max_position_embeddings", metadata.integer(key("rope.scaling.original_context_length")));
        }
        if (has("rope.scaling.attn_factor")) { // a factor on the magnitude that the scaling itself asks for
            double magnitude = factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
            scaling.put("attention_factor", magnitude * metadata.number(key("rope.scaling.attn_factor")));
        }
        if (has("rope.scaling.yarn_beta_fast")) {
            scaling.put("beta_fast", metadata.number(key("rope.scaling.yarn_beta_fast")));
        }
        if (has("rope.scaling.yarn_beta_slow")) {
            scaling.put("beta_slow", metadata.number(key("rope.scaling.yarn_beta_slow")));
        }
    }

    private void tokens() {
        if (metadata.has(TokenKeys.BEGIN)) {
            config.put("bos_token_id", metadata.integer(TokenKeys.BEGIN));
        }
        var ends = new TreeSet<Integer>();
        for (String key : TokenKeys.ENDS) {
            if (metadata.has(key) && metadata.integer(key) >= 0) {
                ends.add(metadata.integer(key));
            }
        }
        if (metadata.has(TokenKeys.TOKENS) && metadata.has(TokenKeys.KINDS)) {
            int[] kinds = metadata.integers(TokenKeys.KINDS);
            List<String> tokens = metadata.texts(TokenKeys.TOKENS);
            for (int id = 0; id < Math.min(kinds.length, tokens.size()); id++) {
                if (kinds[id] == CONTROL && END_MARKERS.contains(tokens.get(id))) {
                    ends.add(id);
                }
            }
        }
        if (!ends.isEmpty()) {
            ArrayNode ids = config.putArray("eos_token_id");
            ends.forEach(ids::add);
        }
    }

    private boolean has(String name) {
        return metadata.has(key(name));
    }

    private String key(String name) {
        return architecture.label() + "." + name;
    }

    /** A number that a file may state once or for each layer; those of the layers must agree. */
    private int perLayer(String name) {
        String key = key(name);
        if (!metadata.isArray(key)) {
            return metadata.integer(key);
        }
        int[] numbers = metadata.integers(key);
        for (int number : numbers) {
            if (number != numbers[0]) {
                throw new UnsupportedModelException(metadata.file().getFileName() + ": \"" + key
                        + "\" differs from layer to layer, which is not supported");
            }
        }
        if (numbers.length == 0) {
            throw metadata.wrong(key, "a number");
        }
        return numbers[0];
    }
}
