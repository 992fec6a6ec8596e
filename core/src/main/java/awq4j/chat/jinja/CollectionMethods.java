package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The methods of lists, tuples and dicts that do not change them. */
final class CollectionMethods {
    private CollectionMethods() {}

    static @Nullable Invocable of(Rendering rendering, Dict dict, String name) {
        return switch (name) {
            case "items" -> view(name, dict, DictView.Kind.ITEMS);
            case "keys" -> view(name, dict, DictView.Kind.KEYS);
            case "values" -> view(name, dict, DictView.Kind.VALUES);
            case "get" ->
                arguments -> {
                    Bound bound = arguments.positionalOnly("get", 1, 2);
                    Object value = dict.get(bound.value(0));
                    return value == null ? bound.value(1, None.NONE) : value;
                };
            case "copy" ->
                arguments -> {
                    arguments.positionalOnly("copy", 0, 0);
                    rendering.budget().making(dict.size());
                    return dict.copy();
                };
            case "fromkeys" ->
                arguments -> {
                    Bound bound = arguments.positionalOnly("fromkeys", 1, 2);
                    var made = new Dict();
                    Iterator<Object> keys = Types.iterator(bound.value(0));
                    while (keys.hasNext()) {
                        rendering.budget().step();
                        made.put(keys.next(), bound.value(1, None.NONE));
                    }
                    return made;
                };
            default -> null;
        };
    }

    private static Invocable view(String name, Dict dict, DictView.Kind kind) {
        return arguments -> {
            arguments.positionalOnly(name, 0, 0);
            return new DictView(dict, kind);
        };
    }

    static @Nullable Invocable of(Rendering rendering, List<?> list, String name) {
        return switch (name) {
            case "count" ->
                arguments -> {
                    Object wanted = arguments.positionalOnly("count", 1, 1).value(0);
                    long count = 0;
                    for (Object item : list) {
                        rendering.budget().step();
                        count += Comparison.same(item, wanted)
                                        || rendering.comparison().equal(item, wanted)
                                ? 1
                                : 0;
                    }
                    return count;
                };
            case "index" -> arguments -> index(rendering, list, arguments.positionalOnly("index", 1, 3));
            case "copy" ->
                arguments -> {
                    arguments.positionalOnly("copy", 0, 0);
                    rendering.budget().making(list.size());
                    return new ArrayList<Object>(list);
                };
            default -> null;
        };
    }

    private static Object index(Rendering rendering, List<?> list, Bound bound) {
        int start = place(bound.integer(1, 0), list.size());
        int stop = place(bound.integer(2, Integer.MAX_VALUE), list.size());
        for (int i = start; i < stop; i++) {
            rendering.budget().step();
            if (Comparison.same(list.get(i), bound.value(0))
                    || rendering.comparison().equal(list.get(i), bound.value(0))) {
                return (long) i;
            }
        }
        throw new TemplateException("index: the list has no " + Repr.brief(bound.value(0)));
    }

    private static int place(int index, int size) {
        return Math.clamp(index < 0 ? (long) index + size : index, 0, size);
    }
}
