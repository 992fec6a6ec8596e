package awq4j.chat.jinja;

import java.util.Arrays;
import java.util.List;

/**
 * Python's tuple: a list that cannot change, and differs from a list of the same elements.
 *
 * @param fields names of the elements, none for a plain tuple
 */
record Tuple(List<Object> items, List<String> fields) {
    Tuple(List<Object> items) {
        this(items, List.of());
    }

    static Tuple of(Object... items) {
        return new Tuple(Arrays.asList(items));
    }
}
