package awq4j.tokenizer;

import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.gguf.GgufFiles;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.TokenKeys;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * The tokens with a role, as {@code tokenizer_config.json} names them, or else {@code special_tokens_map.json}; or as a
 * GGUF file does.
 *
 * @param byRole text by role, the role as the files spell it: {@code bos_token}, {@code eos_token}, {@code unk_token},
 *     {@code pad_token} and others that end in {@code _token}
 */
public record SpecialTokens(Map<String, String> byRole) {
    /** The file that names them first. */
    public static final String CONFIG_FILE = "tokenizer_config.json";

    private static final String MAP_FILE = "special_tokens_map.json";

    /** Copies the map. */
    public SpecialTokens {
        byRole = Map.copyOf(byRole);
    }

    /**
     * Reads the roles of a model folder, none if it has neither file; or those of a GGUF file.
     *
     * @throws awq4j.format.MalformedFileException if a file is there and is not a JSON object
     */
    public static SpecialTokens read(Path folder) {
        if (Checkpoints.isGguf(folder)) {
            try (GgufFiles files = GgufFiles.open(folder)) {
                return of(files.metadata());
            }
        }
        var roles = new LinkedHashMap<String, String>();
        for (String name : new String[] {MAP_FILE, CONFIG_FILE}) {
            Path file = folder.resolve(name);
            if (Files.isRegularFile(file)) {
                Config.read(file).json().properties().forEach(entry -> {
                    if (entry.getKey().endsWith("_token")) {
                        text(entry.getValue()).ifPresent(text -> roles.put(entry.getKey(), text));
                    }
                });
            }
        }
        return new SpecialTokens(roles);
    }

    /**
     * The roles that the metadata of a GGUF file give.
     *
     * @throws awq4j.format.MalformedFileException if a role is of no token
     */
    public static SpecialTokens of(GgufMetadata metadata) {
        var roles = new LinkedHashMap<String, String>();
        if (metadata.has(TokenKeys.TOKENS)) {
            List<String> tokens = metadata.texts(TokenKeys.TOKENS);
            role(metadata, tokens, TokenKeys.BEGIN, "bos_token", roles);
            role(metadata, tokens, TokenKeys.END, "eos_token", roles);
            role(metadata, tokens, TokenKeys.UNKNOWN, "unk_token", roles);
            role(metadata, tokens, TokenKeys.PADDING, "pad_token", roles);
        }
        return new SpecialTokens(roles);
    }

    private static void role(
            GgufMetadata metadata, List<String> tokens, String key, String role, Map<String, String> roles) {
        if (!metadata.has(key)) {
            return;
        }
        long id = metadata.integer(key);
        if (id >= tokens.size() || id < -1) {
            throw metadata.wrong(key, "the id of a token, below " + tokens.size());
        }
        if (id >= 0) {
            roles.put(role, tokens.get((int) id));
        }
    }

    /** The token that begins a text. */
    public Optional<String> bos() {
        return Optional.ofNullable(byRole.get("bos_token"));
    }

    /** The token that ends a text. */
    public Optional<String> eos() {
        return Optional.ofNullable(byRole.get("eos_token"));
    }

    /** Either the text itself or an object that holds it as {@code content}. */
    private static Optional<String> text(JsonNode node) {
        JsonNode text = node.isObject() ? node.get("content") : node;
        return text != null && text.isString() ? Optional.of(text.asString()) : Optional.empty();
    }
}
