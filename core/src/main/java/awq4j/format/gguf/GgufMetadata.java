package awq4j.format.gguf;

import static awq4j.format.gguf.ByteCursor.shown;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The keys and values of a GGUF file, with typed access and messages that name the file and the key. Values are read
 * from the mapped file when they are asked for, so they can be had only while it is open.
 */
public final class GgufMetadata {
    /** More keys than any file has: each takes memory before its value is looked at. */
    private static final int MOST_KEYS = 1 << 16;

    private static final int LONGEST_KEY = (1 << 16) - 1;

    /** Bytes of a text; the longest chat templates have a thousandth of this. */
    private static final int LONGEST_TEXT = 1 << 26;

    /** Elements of an array that is asked for: more than any vocabulary has. */
    private static final int LONGEST_ARRAY = 1 << 24;

    /**
     * Where a value stands.
     *
     * @param kind of the value, or of the elements of an array
     * @param count elements; -1 if it is no array
     * @param at where the value or the first element begins
     */
    private record Entry(ValueKind kind, long count, long at) {
        boolean isArray() {
            return count >= 0;
        }

        @Override
        public String toString() {
            return isArray() ? "an array of " + count + " of type " + kind.label() : "of type " + kind.label();
        }
    }

    private final Path file;
    private final MemorySegment memory;
    private final Map<String, Entry> entries;

    private GgufMetadata(Path file, MemorySegment memory, Map<String, Entry> entries) {
        this.file = file;
        this.memory = memory;
        this.entries = Collections.unmodifiableMap(entries);
    }

    /** Reads {@code count} keys and passes by their values, checking that each lies within the file. */
    static GgufMetadata read(Path file, MemorySegment memory, ByteCursor cursor, long count) {
        if (count > MOST_KEYS) {
            throw new MalformedFileException(
                    file, cursor.position(), count + " keys are promised; at most " + MOST_KEYS + " are read");
        }
        var entries = new LinkedHashMap<String, Entry>();
        for (long i = 0; i < count; i++) {
            long start = cursor.position();
            String key = cursor.text("a key", LONGEST_KEY);
            if (key.isEmpty()) {
                throw new MalformedFileException(file, start, "a key is empty");
            }
            if (entries.put(key, entry(file, cursor, key)) != null) {
                throw new MalformedFileException(file, start, "key \"" + shown(key) + "\" stands twice");
            }
        }
        return new GgufMetadata(file, memory, entries);
    }

    private static Entry entry(Path file, ByteCursor cursor, String key) {
        String what = "\"" + shown(key) + "\"";
        ValueKind kind = kind(file, cursor, what);
        if (kind != ValueKind.ARRAY) {
            long at = cursor.position();
            kind.pass(file, cursor, what);
            return new Entry(kind, -1, at);
        }
        ValueKind element = kind(file, cursor, what);
        if (element == ValueKind.ARRAY) {
            throw new UnsupportedModelException(
                    file.getFileName() + ": " + what + " is an array of arrays, which no model needs and is not read");
        }
        long count = cursor.count(element.leastBytes(), "elements of " + what);
        long at = cursor.position();
        if (element.isFixed()) {
            cursor.skip(count * element.leastBytes(), what);
        } else {
            for (long i = 0; i < count; i++) {
                element.pass(file, cursor, what);
            }
        }
        return new Entry(element, count, at);
    }

    private static ValueKind kind(Path file, ByteCursor cursor, String what) {
        long start = cursor.position();
        int kind = cursor.int32("the type of " + what);
        if (kind < 0 || kind >= ValueKind.values().length) {
            throw new MalformedFileException(
                    file,
                    start,
                    what + " has type " + Integer.toUnsignedString(kind) + ", expected 0 to "
                            + (ValueKind.values().length - 1));
        }
        return List.of(ValueKind.values()).get(kind);
    }

    /** The file, for messages. */
    public Path file() {
        return file;
    }

    /** The keys in the order of the file. */
    public Set<String> keys() {
        return entries.keySet();
    }

    /** Whether the key is there. */
    public boolean has(String key) {
        return entries.containsKey(key);
    }

    /** Whether the key holds an array. */
    public boolean isArray(String key) {
        return has(key) && entry(key).isArray();
    }

    /** Elements of the array at {@code key}, of whatever type. */
    public long length(String key) {
        return array(key).count();
    }

    /** The whole number at {@code key}; @throws MalformedFileException if absent, another type, or outside int's range. */
    public int integer(String key) {
        Entry entry = scalar(key);
        if (!entry.kind().isWhole()) {
            throw wrong(key, "a whole number", entry);
        }
        return toInt(key, entry.kind().whole(cursor(entry.at())), entry);
    }

    /** The whole number at {@code key}, or {@code otherwise} if absent. */
    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    /** The number at {@code key}: a float32 as the shortest decimal number that means it, which is the one written. */
    public double number(String key) {
        Entry entry = scalar(key);
        return number(key, entry, cursor(entry.at()));
    }

    /** The number at {@code key}, or {@code otherwise} if absent. */
    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    /** The boolean at {@code key}, or {@code otherwise} if absent. */
    public boolean flag(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        Entry entry = scalar(key);
        if (entry.kind() != ValueKind.BOOL) {
            throw wrong(key, "true or false", entry);
        }
        return cursor(entry.at()).int8(key) != 0;
    }

    /** The text at {@code key}. */
    public String text(String key) {
        Entry entry = scalar(key);
        if (entry.kind() != ValueKind.STRING) {
            throw wrong(key, "a text", entry);
        }
        return cursor(entry.at()).text("\"" + shown(key) + "\"", LONGEST_TEXT);
    }

    /** The text at {@code key}, or {@code otherwise} if absent. */
    public String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    /** The texts of the array at {@code key}. */
    public List<String> texts(String key) {
        Entry entry = array(key);
        if (entry.kind() != ValueKind.STRING) {
            throw wrong(key, "an array of texts", entry);
        }
        String what = "an element of \"" + shown(key) + "\"";
        var texts = new ArrayList<String>(size(key, entry));
        ByteCursor cursor = cursor(entry.at());
        for (long i = 0; i < entry.count(); i++) {
            texts.add(cursor.text(what, LONGEST_TEXT));
        }
        return texts;
    }

    /** The whole numbers, or booleans as 0 and 1, of the array at {@code key}. */
    public int[] integers(String key) {
        Entry entry = array(key);
        if (!entry.kind().isWhole() && entry.kind() != ValueKind.BOOL) {
            throw wrong(key, "an array of whole numbers", entry);
        }
        int[] numbers = new int[size(key, entry)];
        ByteCursor cursor = cursor(entry.at());
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = toInt(key, entry.kind().whole(cursor), entry);
        }
        return numbers;
    }

    /** The numbers of the array at {@code key}. */
    public double[] numbers(String key) {
        Entry entry = array(key);
        double[] numbers = new double[size(key, entry)];
        ByteCursor cursor = cursor(entry.at());
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(key, entry, cursor);
        }
        return numbers;
    }

    /** The value at {@code key} as people want to see it: at most about 60 characters. */
    public String shownValue(String key) {
        Entry entry = entry(key);
        if (entry.isArray()) {
            return entry.count() + " x " + entry.kind().label();
        }
        return entry.kind() == ValueKind.STRING
                ? shown(text(key))
                : entry.kind().shown(cursor(entry.at()));
    }

    /** A fault of a value: what was expected of the key, and what it has. */
    public MalformedFileException wrong(String key, String expected) {
        Entry entry = entry(key);
        String found = entry.isArray() ? entry.toString() : shownValue(key);
        return new MalformedFileException(
                file, entry.at(), "\"" + shown(key) + "\" should be " + expected + ", is " + found);
    }

    private Entry entry(String key) {
        Entry entry = entries.get(key);
        if (entry == null) {
            throw new MalformedFileException(file, -1, "has no \"" + shown(key) + "\" in its metadata");
        }
        return entry;
    }

    private Entry scalar(String key) {
        Entry entry = entry(key);
        if (entry.isArray()) {
            throw wrong(key, "one value", entry);
        }
        return entry;
    }

    private Entry array(String key) {
        Entry entry = entry(key);
        if (!entry.isArray()) {
            throw wrong(key, "an array", entry);
        }
        return entry;
    }

    private int size(String key, Entry entry) {
        if (entry.count() > LONGEST_ARRAY) {
            throw wrong(key, "an array of at most " + LONGEST_ARRAY, entry);
        }
        return (int) entry.count();
    }

    private ByteCursor cursor(long at) {
        return new ByteCursor(file, memory, at);
    }

    private double number(String key, Entry entry, ByteCursor cursor) {
        if (entry.kind().isWhole()) {
            return entry.kind().whole(cursor);
        }
        if (!entry.kind().isReal()) {
            throw wrong(key, "a number", entry);
        }
        double value = entry.kind().real(cursor);
        if (!Double.isFinite(value)) {
            throw new MalformedFileException(
                    file, entry.at(), "\"" + shown(key) + "\" should be a number, is " + value);
        }
        return value;
    }

    private int toInt(String key, long value, Entry entry) {
        if (value < Integer.MIN_VALUE || value > Integer.MAX_VALUE) {
            throw new MalformedFileException(
                    file, entry.at(), "\"" + shown(key) + "\" should be below 2^31, is " + value);
        }
        return (int) value;
    }

    private MalformedFileException wrong(String key, String expected, Entry found) {
        return new MalformedFileException(
                file, found.at(), "\"" + shown(key) + "\" should be " + expected + ", is " + found);
    }

    /** The keys with a prefix, sorted. */
    public List<String> keysWith(String prefix) {
        String[] found =
                entries.keySet().stream().filter(key -> key.startsWith(prefix)).toArray(String[]::new);
        Arrays.sort(found);
        return List.of(found);
    }
}
