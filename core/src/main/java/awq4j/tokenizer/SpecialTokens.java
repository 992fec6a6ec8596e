package awq4j.tokenizer;

import awq4j.format.Config;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * The tokens with a role, as {@code tokenizer_config.json} names them, or else {@code special_tokens_map.json}.
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
     * Reads the roles of a model folder; none if it has neither file.
     *
     * @throws awq4j.format.MalformedFileException if a file is there and is not a JSON object
     */
    public static SpecialTokens read(Path folder) {
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
