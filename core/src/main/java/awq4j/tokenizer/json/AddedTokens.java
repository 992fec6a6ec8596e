package awq4j.tokenizer.json;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokens that a model folder adds to its vocabulary, by the rules of transformers: those of
 * {@code added_tokens_decoder} in {@code tokenizer_config.json}; without that, those of {@code added_tokens.json}; and in
 * either case the tokens with a role, from {@code special_tokens_map.json} and {@code tokenizer_config.json}.
 *
 * @param declared tokens by the id that the file gives them
 * @param roles tokens with a role, without an id
 */
public record AddedTokens(SortedMap<Integer, AddedToken> declared, List<AddedToken> roles) {
    private static final List<String> ROLES =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");
    private static final List<String> MORE = List.of("additional_special_tokens", "extra_special_tokens");
    private static final String CONFIG_FILE = "tokenizer_config.json";
    private static final String MAP_FILE = "special_tokens_map.json";
    private static final String ADDED_FILE = "added_tokens.json";
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    /**
     * Reads them; none if the folder has none of the files.
     *
     * @throws MalformedFileException if a file is damaged
     */
    public static AddedTokens read(Path folder) {
        Optional<Config> config = config(folder.resolve(CONFIG_FILE));
        Optional<Config> map = config(folder.resolve(MAP_FILE));
        var roles = new LinkedHashMap<String, AddedToken>();
        for (Optional<Config> file : List.of(config, map)) {
            file.ifPresent(values -> roles(values).forEach(token -> roles.putIfAbsent(token.content(), token)));
        }
        SortedMap<Integer, AddedToken> declared = new TreeMap<>();
        Optional<Config> decoder = config.flatMap(values -> values.section("added_tokens_decoder"));
        if (decoder.isPresent()) {
            decoded(decoder.get(), declared);
        } else {
            config(folder.resolve(ADDED_FILE)).ifPresent(added -> {
                for (String content : added.json().propertyNames()) {
                    boolean special = roles.containsKey(content);
                    declared.put(
                            added.integer(content), new AddedToken(content, special, false, false, false, !special));
                }
            });
        }
        return new AddedTokens(declared, List.copyOf(roles.values()));
    }

    private static Optional<Config> config(Path file) {
        return Files.isRegularFile(file) ? Optional.of(Config.read(file)) : Optional.empty();
    }

    private static void decoded(Config decoder, SortedMap<Integer, AddedToken> into) {
        for (String id : decoder.json().propertyNames()) {
            int number;
            try {
                number = Integer.parseInt(id);
            } catch (NumberFormatException e) {
                throw new MalformedFileException(
                        decoder.file(), -1, "\"added_tokens_decoder\" has the id \"" + id + "\"");
            }
            decoder.section(id).ifPresent(token -> into.put(number, token(token, token.text("content"), false)));
        }
    }

    private static AddedToken token(Config token, String content, boolean special) {
        return new AddedToken(
                content,
                token.flag("special", special),
                token.flag("lstrip", false),
                token.flag("rstrip", false),
                token.flag("single_word", false),
                token.flag("normalized", false));
    }

    private static List<AddedToken> roles(Config config) {
        var roles = new ArrayList<AddedToken>();
        for (String role : ROLES) {
            if (config.has(role)) {
                role(config, config.json().get(role)).ifPresent(roles::add);
            }
        }
        for (String more : MORE) {
            if (config.has(more)) {
                for (JsonNode entry : config.json().get(more)) {
                    role(config, entry).ifPresent(roles::add);
                }
            }
        }
        return roles;
    }

    /** Either the text itself or an object that holds it as {@code content}. */
    private static Optional<AddedToken> role(Config config, JsonNode node) {
        if (node.isString()) {
            return node.asString().isEmpty() ? Optional.empty() : Optional.of(AddedToken.marker(node.asString()));
        }
        String content = node.path("content").asString("");
        return content.isEmpty() ? Optional.empty() : Optional.of(token(Config.of(config.file(), node), content, true));
    }

    /**
     * The tokens with the ids that the engine gives them: a token of the vocabulary keeps its own, others are counted on
     * from its end in their order, whatever the file says.
     *
     * @param known the id of a token of the vocabulary
     * @param size the vocabulary's highest id plus one
     */
    public SortedMap<Integer, AddedToken> placed(Function<String, Optional<Integer>> known, int size) {
        SortedMap<Integer, AddedToken> placed = new TreeMap<>();
        Map<String, Integer> ids = new LinkedHashMap<>();
        int next = size;
        for (AddedToken token : all()) {
            if (ids.containsKey(token.content())) {
                continue;
            }
            int id = known.apply(token.content()).orElse(-1);
            if (id < 0) {
                id = next++;
            }
            ids.put(token.content(), id);
            placed.put(id, token);
        }
        return placed;
    }

    private List<AddedToken> all() {
        var all = new ArrayList<AddedToken>(declared.values());
        all.addAll(roles);
        return all;
    }

    /** A tokenizer.json with more tokens. */
    public static String into(String json, SortedMap<Integer, AddedToken> more) {
        ObjectNode root = (ObjectNode) MAPPER.readTree(json);
        root.withArray("added_tokens").addAll(JsonParts.added(more));
        return root.toString();
    }
}
