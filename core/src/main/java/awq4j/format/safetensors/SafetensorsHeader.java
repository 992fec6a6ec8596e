package awq4j.format.safetensors;

import awq4j.format.MalformedFileException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The header of a safetensors file, checked against the size of the data behind it. */
record SafetensorsHeader(Map<String, String> metadata, Map<String, Entry> entries) {
    /**
     * One tensor.
     *
     * @param dtype null if the type is none of ours
     * @param begin first byte, relative to the data
     * @param end byte behind the last
     */
    record Entry(String name, String dtypeName, @Nullable DType dtype, Shape shape, long begin, long end) {}

    /** Copies the maps, in their order. */
    SafetensorsHeader {
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
        entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    }

    /**
     * Reads and checks a header.
     *
     * @param dataBytes size of the data behind the header
     * @throws MalformedFileException if it is not a header, or promises what the data has not
     */
    static SafetensorsHeader parse(Path path, byte[] json, long dataBytes) {
        SafetensorsHeader header = new HeaderReader(path, json, dataBytes).read();
        rejectOverlaps(path, 8L + json.length, header.entries());
        return header;
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
                        "tensor " + MalformedFileException.shown(entry.name()) + " overlaps tensor "
                                + MalformedFileException.shown(before.name()) + ", which ends at byte " + before.end()
                                + " of the data");
            }
        }
    }
}
