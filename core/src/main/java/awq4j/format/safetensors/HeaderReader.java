package awq4j.format.safetensors;

import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsHeader.Entry;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads the JSON of a header token by token: a hostile header of the largest size must not become a tree in memory, and
 * every complaint can name the byte where the fault stands.
 */
final class HeaderReader {
    /** A header nests three deep; what it may hold beside is skipped, not followed. */
    private static final int MAX_DEPTH = 32;

    /** More than any framework's tensors have. */
    private static final int MAX_RANK = 64;

    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MAX_DEPTH)
                            .build())
                    .build())
            .build();

    private final Path path;
    private final byte[] json;
    private final long dataBytes;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private @Nullable Map<String, String> metadata;

    HeaderReader(Path path, byte[] json, long dataBytes) {
        this.path = path;
        this.json = json;
        this.dataBytes = dataBytes;
    }

    SafetensorsHeader read() {
        try (JsonParser parser = MAPPER.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw wrong(parser, "header should be a JSON object, begins with " + kind(parser.currentToken()));
            }
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                if (name.equals("__metadata__")) {
                    readMetadata(parser);
                } else {
                    readEntry(parser, name);
                }
            }
            if (parser.nextToken() != null) {
                throw wrong(parser, "header goes on behind its JSON object");
            }
        } catch (JacksonException e) {
            throw MalformedFileException.notJson(path, 8, "header is not JSON", e);
        }
        return new SafetensorsHeader(metadata == null ? Map.of() : metadata, entries);
    }

    private void readMetadata(JsonParser parser) {
        if (metadata != null) {
            throw wrong(parser, "__metadata__ stands twice");
        }
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw wrong(parser, "__metadata__ should be an object, is " + kind(parser.currentToken()));
        }
        var values = new LinkedHashMap<String, String>();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                throw wrong(
                        parser,
                        "__metadata__." + MalformedFileException.shown(key) + " should be a string, is "
                                + kind(parser.currentToken()));
            }
            values.put(key, parser.getString());
        }
        metadata = values;
    }

    private void readEntry(JsonParser parser, String name) {
        long at = offset(parser);
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw wrong(
                    parser,
                    "tensor " + MalformedFileException.shown(name) + " should be an object, is "
                            + kind(parser.currentToken()));
        }
        String dtype = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = parser.currentName();
            parser.nextToken();
            switch (key) {
                case "dtype" -> dtype = once(parser, name, key, dtype, text(parser, name));
                case "shape" -> shape = once(parser, name, key, shape, longs(parser, name, key));
                case "data_offsets" -> offsets = once(parser, name, key, offsets, longs(parser, name, key));
                default -> parser.skipChildren();
            }
        }
        if (dtype == null || shape == null || offsets == null) {
            throw new MalformedFileException(
                    path,
                    at,
                    "tensor " + MalformedFileException.shown(name) + " has no "
                            + (dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
        }
        Entry entry = entry(at, name, dtype, shape, offsets);
        if (entries.put(name, entry) != null) {
            throw new MalformedFileException(
                    path, at, "tensor " + MalformedFileException.shown(name) + " is named twice");
        }
    }

    private Entry entry(long at, String name, String dtypeName, List<Long> dims, List<Long> offsets) {
        if (offsets.size() != 2) {
            throw new MalformedFileException(
                    path,
                    at,
                    "tensor " + MalformedFileException.shown(name) + ": data_offsets should be [begin, end], is "
                            + offsets);
        }
        long begin = offsets.get(0);
        long end = offsets.get(1);
        if (begin > end) {
            throw new MalformedFileException(
                    path,
                    at,
                    "tensor " + MalformedFileException.shown(name) + " begins at byte " + begin + " and ends at "
                            + end);
        }
        if (end > dataBytes) {
            throw new MalformedFileException(
                    path,
                    at,
                    "tensor " + MalformedFileException.shown(name) + " ends at byte " + end + " of the data, file has "
                            + dataBytes);
        }
        DType dtype = dtype(dtypeName);
        Shape shape = new Shape(dims);
        if (dtype != null) {
            long expected;
            try {
                expected = Math.multiplyExact(shape.elements(), (long) dtype.bytes());
            } catch (ArithmeticException e) {
                throw new MalformedFileException(
                        path,
                        at,
                        "tensor " + MalformedFileException.shown(name) + ": shape " + shape + " exceeds 2^63 bytes");
            }
            if (expected != end - begin) {
                throw new MalformedFileException(
                        path,
                        at,
                        "tensor " + MalformedFileException.shown(name) + ": " + dtype + " " + shape + " takes "
                                + expected + " bytes, its offsets span " + (end - begin));
            }
        }
        return new Entry(name, dtypeName, dtype, shape, begin, end);
    }

    private <T> T once(JsonParser parser, String name, String key, @Nullable T before, T value) {
        if (before != null) {
            throw wrong(parser, "tensor " + MalformedFileException.shown(name) + ": " + key + " stands twice");
        }
        return value;
    }

    private String text(JsonParser parser, String name) {
        if (parser.currentToken() != JsonToken.VALUE_STRING) {
            throw wrong(
                    parser,
                    "tensor " + MalformedFileException.shown(name) + ": dtype should be a string, is "
                            + kind(parser.currentToken()));
        }
        return MalformedFileException.shown(parser.getString());
    }

    private List<Long> longs(JsonParser parser, String name, String key) {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw wrong(
                    parser,
                    "tensor " + MalformedFileException.shown(name) + ": " + key + " should be a list of integers, is "
                            + kind(parser.currentToken()));
        }
        var values = new ArrayList<Long>(4);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            boolean integer = parser.currentToken() == JsonToken.VALUE_NUMBER_INT
                    && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
            if (!integer || parser.getLongValue() < 0) {
                String found = parser.currentToken().isScalarValue()
                        ? MalformedFileException.shown(parser.getString())
                        : kind(parser.currentToken());
                throw wrong(
                        parser,
                        "tensor " + MalformedFileException.shown(name) + ": " + key
                                + " should hold integers from 0 to 2^63 - 1, holds " + found);
            }
            if (values.size() == MAX_RANK) {
                throw wrong(
                        parser,
                        "tensor " + MalformedFileException.shown(name) + ": " + key + " has more than " + MAX_RANK
                                + " numbers");
            }
            values.add(parser.getLongValue());
        }
        return values;
    }

    private MalformedFileException wrong(JsonParser parser, String message) {
        return new MalformedFileException(path, offset(parser), message);
    }

    /** Where the current token stands in the file. */
    private static long offset(JsonParser parser) {
        return 8 + Math.max(0, parser.currentTokenLocation().getByteOffset());
    }

    private static String kind(@Nullable JsonToken token) {
        return switch (token) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "a list";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
            case VALUE_TRUE, VALUE_FALSE -> "a boolean";
            case VALUE_NULL -> "null";
            case null, default -> "nothing";
        };
    }

    private static @Nullable DType dtype(String name) {
        for (DType dtype : DType.values()) {
            if (dtype.name().equals(name)) {
                return dtype;
            }
        }
        return null;
    }
}
