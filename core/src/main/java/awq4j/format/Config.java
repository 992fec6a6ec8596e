package awq4j.format;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A JSON object with typed access and messages that name the file and the key: {@code config.json} and its sections.
 * A key whose value is null counts as absent.
 */
public final class Config {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final Path file;
    private final String prefix;
    private final JsonNode node;

    private Config(Path file, String prefix, JsonNode node) {
        this.file = file;
        this.prefix = prefix;
        this.node = node;
    }

    /**
     * Reads a file.
     *
     * @throws MalformedFileException if it is missing, not JSON, or not an object
     */
    public static Config read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new MalformedFileException(
                    file, -1, "no such file in " + file.toAbsolutePath().getParent());
        }
        try {
            JsonNode node = MAPPER.readTree(file.toFile());
            return of(file, node);
        } catch (JacksonException e) {
            long offset = e.getLocation() == null ? -1 : e.getLocation().getByteOffset();
            throw new MalformedFileException(file, offset, "not JSON: " + e.getOriginalMessage());
        }
    }

    /** A configuration that is already parsed; {@code file} is for messages. */
    public static Config of(Path file, JsonNode node) {
        if (!node.isObject()) {
            throw new MalformedFileException(file, -1, "expected a JSON object, found " + node.getNodeType());
        }
        return new Config(file, "", node);
    }

    /** The file it came from. */
    public Path file() {
        return file;
    }

    /** The JSON itself, for what has no typed access. Not to be changed. */
    public JsonNode json() {
        return node;
    }

    /** Whether the key is present and not null. */
    public boolean has(String key) {
        JsonNode value = node.get(key);
        return value != null && !value.isNull();
    }

    /** The integer at {@code key}; @throws MalformedFileException if absent or not an integer in int's range. */
    public int integer(String key) {
        JsonNode value = required(key);
        if (!value.isNumber() || value.asDouble() != Math.rint(value.asDouble()) || !value.canConvertToInt()) {
            throw wrong(key, "an integer", value);
        }
        return value.asInt();
    }

    /** The integer at {@code key}, or {@code otherwise} if absent. */
    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    /** A positive integer; @throws MalformedFileException if absent or below 1. */
    public int positive(String key) {
        int value = integer(key);
        if (value < 1) {
            throw wrong(key, "a positive integer", node.get(key));
        }
        return value;
    }

    /** The number at {@code key}, or {@code otherwise} if absent. */
    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    /** The number at {@code key}. */
    public double number(String key) {
        JsonNode value = required(key);
        if (!value.isNumber()) {
            throw wrong(key, "a number", value);
        }
        return value.asDouble();
    }

    /** The boolean at {@code key}, or {@code otherwise} if absent. */
    public boolean flag(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        JsonNode value = required(key);
        if (!value.isBoolean()) {
            throw wrong(key, "true or false", value);
        }
        return value.asBoolean();
    }

    /** The string at {@code key}, or {@code otherwise} if absent. */
    public String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    /** The string at {@code key}. */
    public String text(String key) {
        JsonNode value = required(key);
        if (!value.isString()) {
            throw wrong(key, "a string", value);
        }
        return value.asString();
    }

    /** The strings at {@code key}; empty if absent. */
    public List<String> texts(String key) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = required(key);
        if (!value.isArray()) {
            throw wrong(key, "a list of strings", value);
        }
        return value.valueStream()
                .map(item -> {
                    if (!item.isString()) {
                        throw wrong(key, "a list of strings", item);
                    }
                    return item.asString();
                })
                .toList();
    }

    /** The object at {@code key}, empty if absent. */
    public Optional<Config> section(String key) {
        if (!has(key)) {
            return Optional.empty();
        }
        JsonNode value = required(key);
        if (!value.isObject()) {
            throw wrong(key, "an object", value);
        }
        return Optional.of(new Config(file, prefix + key + ".", value));
    }

    private JsonNode required(String key) {
        JsonNode value = node.get(key);
        if (value == null || value.isNull()) {
            throw new MalformedFileException(file, -1, "has no \"" + prefix + key + "\"");
        }
        return value;
    }

    private MalformedFileException wrong(String key, String expected, JsonNode found) {
        String text = found.toString();
        return new MalformedFileException(
                file,
                -1,
                "\"" + prefix + key + "\" should be " + expected + ", is "
                        + (text.length() > 60 ? text.substring(0, 60) + "..." : text));
    }
}
