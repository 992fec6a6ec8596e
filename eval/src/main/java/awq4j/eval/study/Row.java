package awq4j.eval.study;

import awq4j.eval.Estimate;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What was measured of one thing.
 *
 * @param labels what it was, in words
 * @param numbers what came out, by key
 */
public record Row(Map<String, String> labels, Map<String, Estimate> numbers) {
    /** The label of a method. */
    public static final String METHOD = "method";

    /** The label of a width. */
    public static final String BITS = "bits";

    /** The label of a group size. */
    public static final String GROUP = "group";

    /** Copies the maps in their order. */
    public Row {
        labels = ordered(labels);
        numbers = ordered(numbers);
    }

    /** Labels in the order in which they are given: a key, its value, the next key. */
    public static Map<String, String> labels(Object... keysAndValues) {
        var labels = new LinkedHashMap<String, String>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            labels.put(keysAndValues[i].toString(), keysAndValues[i + 1].toString());
        }
        return labels;
    }

    /** The row of a point. */
    Row behind(Map<String, String> first) {
        var all = new LinkedHashMap<>(first);
        all.putAll(labels);
        return new Row(all, numbers);
    }

    static <T> Map<String, T> ordered(Map<String, T> map) {
        return Collections.unmodifiableMap(new LinkedHashMap<>(map));
    }
}
