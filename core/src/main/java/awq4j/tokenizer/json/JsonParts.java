package awq4j.tokenizer.json;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Parts of a {@code tokenizer.json} that several conversions write. */
public final class JsonParts {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private JsonParts() {}

    /** An empty object. */
    public static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    /** An object of a type. */
    public static ObjectNode typed(String type) {
        return object().put("type", type);
    }

    /** A step that replaces; {@code kind} is {@code String} or {@code Regex}. */
    public static ObjectNode replace(String kind, String from, String to) {
        ObjectNode replace = typed("Replace").put("content", to);
        replace.putObject("pattern").put(kind, from);
        return replace;
    }

    /** The list {@code added_tokens}, by id. */
    public static ArrayNode added(SortedMap<Integer, AddedToken> tokens) {
        ArrayNode list = MAPPER.createArrayNode();
        tokens.forEach((id, token) -> list.add(token.json(id)));
        return list;
    }

    /**
     * The step that puts special tokens around a text.
     *
     * @param bos what comes before it, with its id
     * @param eos what comes behind it
     * @return JSON's null if there is neither
     */
    public static JsonNode around(Optional<Map.Entry<String, Integer>> bos, Optional<Map.Entry<String, Integer>> eos) {
        if (bos.isEmpty() && eos.isEmpty()) {
            return MAPPER.nullNode();
        }
        ObjectNode template = typed("TemplateProcessing");
        for (String form : List.of("single", "pair")) {
            ArrayNode parts = template.putArray(form);
            for (String sequence : form.equals("single") ? List.of("A") : List.of("A", "B")) {
                bos.ifPresent(token -> part(parts, "SpecialToken", token.getKey()));
                part(parts, "Sequence", sequence);
                eos.ifPresent(token -> part(parts, "SpecialToken", token.getKey()));
            }
        }
        var tokens = new TreeMap<String, Integer>();
        bos.ifPresent(token -> tokens.put(token.getKey(), token.getValue()));
        eos.ifPresent(token -> tokens.put(token.getKey(), token.getValue()));
        ObjectNode special = template.putObject("special_tokens");
        tokens.forEach((token, id) -> {
            ObjectNode entry = special.putObject(token).put("id", token);
            entry.putArray("ids").add(id);
            entry.putArray("tokens").add(token);
        });
        return template;
    }

    private static void part(ArrayNode parts, String kind, String id) {
        parts.addObject().putObject(kind).put("id", id).put("type_id", 0);
    }
}
