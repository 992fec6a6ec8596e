package awq4j.chat.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Python's dict: keeps the order, and takes 1, 1.0 and true as the same key. */
final class Dict {
    /** Tuples within tuples can have many more parts than they take memory. */
    private static final int MOST_PARTS = 1000;

    private final Map<Object, Entry> entries = new LinkedHashMap<>();

    /** A key as it was spelled, and its value. */
    record Entry(Object key, Object value) {
        Tuple pair() {
            return Tuple.of(key, value);
        }
    }

    static Dict of(Map<String, Object> values) {
        var dict = new Dict();
        values.forEach(dict::put);
        return dict;
    }

    /** The value at a key, null if absent; @throws TemplateException if the key is a list or a dict. */
    @Nullable
    Object get(Object key) {
        Entry entry = entries.get(hashed(key));
        return entry == null ? null : entry.value;
    }

    void put(Object key, Object value) {
        Object hashed = hashed(key);
        Entry before = entries.get(hashed);
        entries.put(hashed, new Entry(before == null ? key : before.key, value));
    }

    boolean has(Object key) {
        return entries.containsKey(hashed(key));
    }

    int size() {
        return entries.size();
    }

    Iterable<Entry> entries() {
        return entries.values();
    }

    List<Object> keys() {
        var keys = new ArrayList<>(entries.size());
        entries.values().forEach(entry -> keys.add(entry.key));
        return keys;
    }

    Dict copy() {
        var copy = new Dict();
        copy.entries.putAll(entries);
        return copy;
    }

    /** A key in the form in which equal keys are equal objects. */
    static Object hashed(Object key) {
        return key instanceof String ? key : hashed(key, new int[1]);
    }

    private static Object hashed(Object key, int[] parts) {
        return switch (key) {
            case Boolean flag -> flag ? 1L : 0L;
            case Double number -> whole(number);
            case Markup markup -> markup.text();
            case Tuple tuple -> {
                parts[0] += tuple.items().size();
                if (parts[0] > MOST_PARTS) {
                    throw new TemplateException("a key has more than " + MOST_PARTS + " parts");
                }
                yield tuple.items().stream().map(item -> hashed(item, parts)).toList();
            }
            case List<?> list -> throw unhashable(list);
            case Dict dict -> throw unhashable(dict);
            case DictView view -> throw unhashable(view);
            case Undefined undefined -> Undefined.class;
            default -> key;
        };
    }

    private static Object whole(double number) {
        if (number != Math.rint(number) || Double.isInfinite(number)) {
            return number;
        }
        return Math.abs(number) < 1L << 53
                ? (Object) (long) number
                : Numbers.shortest(new BigDecimal(number).toBigInteger());
    }

    private static TemplateException unhashable(Object key) {
        return new TemplateException("a " + Types.name(key) + " cannot be a key or a member of a set");
    }
}
