package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Puts the vocabulary of a {@code tokenizer.json} into the keys of a GGUF file as llama.cpp's converter would, by code that
 * shares nothing with the project's own.
 */
public final class GgufTokenizers {
    private GgufTokenizers() {}

    /**
     * Adds the keys of a byte-level tokenizer.
     *
     * @param pre how words are cut, by llama.cpp's name
     */
    public static RawGguf bytes(RawGguf raw, Path json, String pre) {
        JsonNode root = read(json);
        var tokens = tokens(root);
        raw.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", pre);
        vocabulary(raw, root, tokens, false);
        List<String> merges = new ArrayList<>();
        root.path("model")
                .path("merges")
                .forEach(merge -> merges.add(
                        merge.isString()
                                ? merge.asString()
                                : merge.get(0).asString() + " " + merge.get(1).asString()));
        return raw.texts("tokenizer.ggml.merges", merges);
    }

    /** Adds the keys of a vocabulary of pieces; scores are the ranks of the merges that make them, the later the lower. */
    public static RawGguf pieces(RawGguf raw, Path json) {
        JsonNode root = read(json);
        var tokens = tokens(root);
        raw.text("tokenizer.ggml.model", "llama");
        vocabulary(raw, root, tokens, true);
        Map<String, Integer> ranks = new HashMap<>();
        root.path("model").path("merges").forEach(merge -> {
            String made = merge.isString()
                    ? merge.asString().replace(" ", "")
                    : merge.get(0).asString() + merge.get(1).asString();
            ranks.putIfAbsent(made, ranks.size());
        });
        float[] scores = new float[tokens.lastKey() + 1];
        tokens.forEach((id, token) -> scores[id] = -ranks.getOrDefault(token, 0));
        return raw.reals("tokenizer.ggml.scores", scores);
    }

    /** Adds the id of a token with a role, if there is such a token. */
    public static RawGguf role(RawGguf raw, String role, OptionalInt id) {
        id.ifPresent(number -> raw.number("tokenizer.ggml." + role + "_token_id", number));
        return raw;
    }

    private static SortedMap<Integer, String> tokens(JsonNode root) {
        var tokens = new TreeMap<Integer, String>();
        root.path("model")
                .path("vocab")
                .properties()
                .forEach(entry -> tokens.put(entry.getValue().asInt(), entry.getKey()));
        root.path("added_tokens")
                .forEach(token ->
                        tokens.put(token.get("id").asInt(), token.get("content").asString()));
        return tokens;
    }

    private static void vocabulary(RawGguf raw, JsonNode root, SortedMap<Integer, String> tokens, boolean pieces) {
        Map<Integer, Integer> kinds = new HashMap<>();
        String unknown = root.path("model").path("unk_token").asString("<unk>");
        root.path("added_tokens")
                .forEach(token ->
                        kinds.put(token.get("id").asInt(), token.get("special").asBoolean() ? 3 : 4));
        var texts = new ArrayList<String>();
        int[] all = new int[tokens.lastKey() + 1];
        for (int id = 0; id < all.length; id++) {
            String token = tokens.get(id);
            texts.add(token == null ? "[PAD" + id + "]" : token);
            all[id] = token == null ? 5 : kinds.getOrDefault(id, 1);
            if (pieces && token != null && token.equals(unknown)) {
                all[id] = 2;
            } else if (pieces && token != null && token.matches("<0x[0-9A-F]{2}>")) {
                all[id] = 6;
            }
        }
        raw.texts("tokenizer.ggml.tokens", texts).numbers("tokenizer.ggml.token_type", all);
    }

    private static JsonNode read(Path json) {
        try {
            return JsonMapper.shared().readTree(Files.readAllBytes(json));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
