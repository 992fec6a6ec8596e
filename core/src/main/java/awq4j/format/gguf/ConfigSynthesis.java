package awq4j.format.gguf;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
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
        config.put("model_type", architecture.label());
        config.put("hidden_act", architecture.activation());
        config.put("hidden_size", hidden);
        config.put("intermediate_size", perLayer("feed_forward_length"));
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
        rotary(headDim);
        tokens();
    }

    private String transformersClass() {
        boolean window = has("attention.sliding_window") && metadata.integer(key("attention.sliding_window")) > 0;
        return architecture == Architecture.LLAMA && window ? "MistralForCausalLM" : architecture.transformers();
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
            throw new UnsupportedModelException(metadata.file().getFileName() + ": " + TensorNames.ROPE_FACTORS
                    + " changes rotary frequencies one by one, which is not supported");
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
