package awq4j.format.safetensors;

import awq4j.format.MalformedFileException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The JSON header of a safetensors file, checked against the size of the data behind it. */
record SafetensorsHeader(Map<String, String> metadata, Map<String, Entry> entries) {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /**
     * One tensor.
     *
     * @param dtype null if the type is none of ours
     * @param begin first byte, relative to the data
     * @param end byte behind the last
     */
    record Entry(String name, String dtypeName, @Nullable DType dtype, Shape shape, long begin, long end) {}

    /** @param dataBytes size of the data behind the header */
    static SafetensorsHeader parse(Path path, byte[] json, long dataBytes) {
        JsonNode root;
        try {
            root = MAPPER.readTree(json);
        } catch (JacksonException e) {
            long offset =
                    e.getLocation() == null ? 0 : Math.max(0, e.getLocation().getByteOffset());
            throw new MalformedFileException(path, 8 + offset, "header is not JSON: " + e.getOriginalMessage());
        }
        if (!root.isObject()) {
            throw new MalformedFileException(path, 8, "header should be a JSON object, is " + root.getNodeType());
        }
        Map<String, String> metadata = Map.of();
        var entries = new LinkedHashMap<String, Entry>();
        for (var field : root.properties()) {
            if (field.getKey().equals("__metadata__")) {
                metadata = metadata(path, field.getValue());
            } else {
                entries.put(field.getKey(), entry(path, 8L + json.length, field.getKey(), field.getValue(), dataBytes));
            }
        }
        rejectOverlaps(path, 8L + json.length, entries);
        return new SafetensorsHeader(metadata, Collections.unmodifiableMap(entries));
    }

    private static Map<String, String> metadata(Path path, JsonNode node) {
        if (!node.isObject()) {
            throw new MalformedFileException(path, 8, "__metadata__ should be an object, is " + node.getNodeType());
        }
        var metadata = new LinkedHashMap<String, String>();
        for (var field : node.properties()) {
            if (!field.getValue().isString()) {
                throw new MalformedFileException(
                        path, 8, "__metadata__." + field.getKey() + " should be a string, is " + field.getValue());
            }
            metadata.put(field.getKey(), field.getValue().asString());
        }
        return Collections.unmodifiableMap(metadata);
    }

    private static Entry entry(Path path, long dataStart, String name, JsonNode node, long dataBytes) {
        if (!node.isObject() || !node.path("dtype").isString()) {
            throw new MalformedFileException(path, 8, "tensor " + name + " has no dtype");
        }
        String dtypeName = node.path("dtype").asString();
        List<Long> dims = longs(path, name, "shape", node.path("shape"));
        List<Long> offsets = longs(path, name, "data_offsets", node.path("data_offsets"));
        if (offsets.size() != 2) {
            throw new MalformedFileException(
                    path, 8, "tensor " + name + ": data_offsets should be [begin, end], is " + offsets);
        }
        long begin = offsets.get(0);
        long end = offsets.get(1);
        if (begin > end) {
            throw new MalformedFileException(
                    path, dataStart + begin, "tensor " + name + " begins at byte " + begin + " and ends at " + end);
        }
        if (end > dataBytes) {
            throw new MalformedFileException(
                    path,
                    dataStart + begin,
                    "tensor " + name + " ends at byte " + end + " of the data, file has " + dataBytes);
        }
        DType dtype = dtype(dtypeName);
        Shape shape = new Shape(dims);
        if (dtype != null) {
            checkSize(path, dataStart + begin, name, dtype, shape, end - begin);
        }
        return new Entry(name, dtypeName, dtype, shape, begin, end);
    }

    private static void checkSize(Path path, long at, String name, DType dtype, Shape shape, long found) {
        long expected;
        try {
            expected = Math.multiplyExact(shape.elements(), (long) dtype.bytes());
        } catch (ArithmeticException e) {
            throw new MalformedFileException(path, at, "tensor " + name + ": shape " + shape + " exceeds 2^63 bytes");
        }
        if (expected != found) {
            throw new MalformedFileException(
                    path,
                    at,
                    "tensor " + name + ": " + dtype + " " + shape + " takes " + expected + " bytes, its offsets span "
                            + found);
        }
    }

    private static @Nullable DType dtype(String name) {
        for (DType dtype : DType.values()) {
            if (dtype.name().equals(name)) {
                return dtype;
            }
        }
        return null;
    }

    private static List<Long> longs(Path path, String name, String key, JsonNode node) {
        if (!node.isArray()) {
            throw new MalformedFileException(path, 8, "tensor " + name + ": " + key + " should be a list of integers");
        }
        var values = new ArrayList<Long>(node.size());
        for (JsonNode item : node) {
            if (!item.isIntegralNumber() || !item.canConvertToLong() || item.asLong() < 0) {
                throw new MalformedFileException(
                        path, 8, "tensor " + name + ": " + key + " should hold integers from 0, holds " + item);
            }
            values.add(item.asLong());
        }
        return values;
    }

    private static void rejectOverlaps(Path path, long dataStart, Map<String, Entry> entries) {
        var sorted = new ArrayList<>(entries.values());
        sorted.removeIf(entry -> entry.begin() == entry.end());
        sorted.sort(Comparator.comparingLong(Entry::begin));
        for (int i = 1; i < sorted.size(); i++) {
            Entry before = sorted.get(i - 1);
            Entry entry = sorted.get(i);
            if (entry.begin() < before.end()) {
                throw new MalformedFileException(
                        path,
                        dataStart + entry.begin(),
                        "tensor " + entry.name() + " overlaps tensor " + before.name() + ", which ends at byte "
                                + before.end() + " of the data");
            }
        }
    }
}
