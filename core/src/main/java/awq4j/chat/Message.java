package awq4j.chat;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * One turn of a conversation, as chat templates see it.
 *
 * @param role {@code system}, {@code user}, {@code assistant}, {@code tool} or what else the template knows
 * @param content a {@link String}; or a {@link List} of parts, each a {@link Map} with {@code type} and what belongs to
 *     it; or a JSON string or array of the same; null where there is none, as beside tool calls
 * @param more further fields by the name that templates use, such as {@code tool_calls}, {@code tool_call_id}, {@code
 *     name}, {@code reasoning_content}; values as {@code content}'s
 */
public record Message(String role, @Nullable Object content, Map<String, Object> more) {
    private static final String ROLE = "role";
    private static final String CONTENT = "content";

    /**
     * Copies the map.
     *
     * @throws IllegalArgumentException if {@code content} is of another class, or {@code more} has {@code role} or {@code
     *     content}
     */
    public Message {
        if (content != null && !isContent(content)) {
            throw new IllegalArgumentException("content of a message should be a string, a list of parts or JSON, is "
                    + content.getClass().getName());
        }
        if (more.containsKey(ROLE) || more.containsKey(CONTENT)) {
            throw new IllegalArgumentException(
                    "further fields of a message should not be role or content, are " + more.keySet());
        }
        more = Collections.unmodifiableMap(new LinkedHashMap<>(more));
    }

    private static boolean isContent(Object content) {
        return content instanceof String || content instanceof List<?> || content instanceof JsonNode;
    }

    /** A message of text or parts, without further fields. */
    public static Message of(String role, Object content) {
        return new Message(role, content, Map.of());
    }

    /** Instructions that stand before the conversation. */
    public static Message system(String text) {
        return of("system", text);
    }

    /** What the user says. */
    public static Message user(String text) {
        return of("user", text);
    }

    /** What the model says. */
    public static Message assistant(String text) {
        return of("assistant", text);
    }

    /**
     * A message in the form of the OpenAI API.
     *
     * @throws IllegalArgumentException if it is not an object with a string {@code role}
     */
    public static Message of(JsonNode json) {
        JsonNode role = json.get(ROLE);
        if (role == null || !role.isString()) {
            throw new IllegalArgumentException("a message should be an object with a string \"role\", is " + json);
        }
        JsonNode content = json.get(CONTENT);
        var more = new LinkedHashMap<String, Object>();
        json.properties().forEach(field -> {
            if (!field.getKey().equals(ROLE) && !field.getKey().equals(CONTENT)) {
                more.put(field.getKey(), field.getValue());
            }
        });
        return new Message(role.asString(), content == null || content.isNull() ? null : content, more);
    }

    /** The same message with one more field. */
    public Message with(String name, Object value) {
        var fields = new LinkedHashMap<>(more);
        fields.put(name, value);
        return new Message(role, content, fields);
    }

    /** All fields by the name that templates use. */
    Map<String, @Nullable Object> fields() {
        var fields = new LinkedHashMap<String, @Nullable Object>();
        fields.put(ROLE, role);
        fields.put(CONTENT, content);
        fields.putAll(more);
        return fields;
    }
}
