package awq4j.format;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A JSON object with typed access and messages that name the file and the key: {@code config.json} and its sections.
 * A key whose value is null counts as absent.
 */
public final class Config {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS) // Python writes NaN and Infinity, in keys we do not read
            .build();

    /** The index of the largest published models has a tenth of this; a tree of more would not fit in memory. */
    private static final long MAX_BYTES = 50_000_000;

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
     * @throws MalformedFileException if it is missing, not JSON, not an object, or larger than any such file is
     * @throws UncheckedIOException if it cannot be read
     */
    public static Config read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new MalformedFileException(
                    file, -1, "no such file in " + file.toAbsolutePath().getParent());
        }
        try {
            long size = Files.size(file);
            if (size > MAX_BYTES) {
                throw new MalformedFileException(
                        file, -1, "has " + size + " bytes; at most " + MAX_BYTES + " bytes of JSON are read");
            }
            if (size == 0) {
                throw new MalformedFileException(file, 0, "expected a JSON object, file is empty");
            }
            return of(file, MAPPER.readTree(Files.readAllBytes(file)));
        } catch (JacksonException e) {
            throw MalformedFileException.notJson(file, 0, "not JSON", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    /** A configuration that is already parsed; {@code file} is for messages. */
    public static Config of(Path file, JsonNode node) {
        if (!node.isObject()) {
            throw new MalformedFileException(file, -1, "expected a JSON object, found " + kind(node));
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

    /**
     * A positive integer with a bound, for what memory is taken by.
     *
     * @throws MalformedFileException if absent, below 1 or above {@code most}
     */
    public int positive(String key, int most) {
        int value = integer(key);
        if (value < 1 || value > most) {
            throw wrong(key, "an integer from 1 to " + most, node.get(key));
        }
        return value;
    }

    /** The same, or {@code otherwise} if absent. */
    public int positive(String key, int most, int otherwise) {
        return has(key) ? positive(key, most) : otherwise;
    }

    /** The number at {@code key}, or {@code otherwise} if absent. */
    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    /** The number at {@code key}. */
    public double number(String key) {
        JsonNode value = required(key);
        if (!value.isNumber() || !Double.isFinite(value.asDouble())) {
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

    /** The integers at {@code key}; empty if absent. */
    public List<Integer> integers(String key) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = required(key);
        if (!value.isArray()) {
            throw wrong(key, "a list of integers", value);
        }
        return value.valueStream()
                .map(item -> {
                    if (!item.isIntegralNumber() || !item.canConvertToInt()) {
                        throw wrong(key, "a list of integers", item);
                    }
                    return item.asInt();
                })
                .toList();
    }

    /** The numbers at {@code key}; @throws MalformedFileException if absent or not a list of numbers. */
    public List<Double> numbers(String key) {
        JsonNode value = required(key);
        if (!value.isArray()) {
            throw wrong(key, "a list of numbers", value);
        }
        return value.valueStream()
                .map(item -> {
                    if (!item.isNumber()) {
                        throw wrong(key, "a list of numbers", item);
                    }
                    return item.asDouble();
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

    private static String kind(JsonNode node) {
        return switch (node.getNodeType()) {
            case ARRAY -> "a list";
            case STRING -> "a string";
            case NUMBER -> "a number";
            case BOOLEAN -> "a boolean";
            case NULL -> "null";
            case MISSING -> "nothing";
            case OBJECT, BINARY, POJO -> "an object";
        };
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
