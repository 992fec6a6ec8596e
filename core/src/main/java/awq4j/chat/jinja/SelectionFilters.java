package awq4j.chat.jinja;

import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Filters that go through elements one by one: {@code map}, {@code select} and their relatives. */
final class SelectionFilters {
    static final Map<String, Filters.Filter> ALL = Map.of(
            "map", SelectionFilters::map,
            "select", (rendering, input, arguments) -> select("select", rendering, input, arguments, true, false),
            "reject", (rendering, input, arguments) -> select("reject", rendering, input, arguments, false, false),
            "selectattr",
                    (rendering, input, arguments) -> select("selectattr", rendering, input, arguments, true, true),
            "rejectattr",
                    (rendering, input, arguments) -> select("rejectattr", rendering, input, arguments, false, true));

    private SelectionFilters() {}

    private static Object map(Rendering rendering, Object input, Arguments arguments) {
        return Once.later(() -> {
            if (!Types.truth(input)) {
                return Collections.emptyIterator();
            }
            UnaryOperator<Object> function = mapping(rendering, arguments);
            Iterator<Object> items = Filters.counted(rendering, input);
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return items.hasNext();
                }

                @Override
                public Object next() {
                    return function.apply(items.next());
                }
            };
        });
    }

    private static UnaryOperator<Object> mapping(Rendering rendering, Arguments arguments) {
        if (arguments.positional().isEmpty() && arguments.named().containsKey("attribute")) {
            var named = new LinkedHashMap<>(arguments.named());
            Object attribute = named.remove("attribute");
            Object otherwise = named.remove("default");
            if (!named.isEmpty() || attribute == null) {
                throw new TemplateException(
                        "map has no parameter '" + named.keySet().iterator().next() + "'");
            }
            Filters.Path path = Filters.Path.of(attribute, otherwise, false);
            return item -> path.follow(rendering, item);
        }
        String name = name("map", "filter", arguments, 0);
        Arguments rest = arguments.from(1);
        return item -> rendering.filter(name, item, rest);
    }

    private static String name(String function, String what, Arguments arguments, int place) {
        Object name =
                arguments.positional().size() > place ? arguments.positional().get(place) : None.NONE;
        if (!Types.isText(name)) {
            throw new TemplateException(function + " expects the name of a " + what
                    + (name == None.NONE ? "" : ", found " + Types.describe(name)));
        }
        return Repr.text(name);
    }

    private static Object select(
            String name, Rendering rendering, Object input, Arguments arguments, boolean wanted, boolean byAttribute) {
        return Once.later(() -> {
            if (!Types.truth(input)) {
                return Collections.emptyIterator();
            }
            Predicate<Object> test = condition(name, rendering, arguments, byAttribute);
            Iterator<Object> items = Filters.counted(rendering, input);
            return new Once.Searching() {
                @Override
                @Nullable
                Object search() {
                    while (items.hasNext()) {
                        Object item = items.next();
                        if (test.test(item) == wanted) {
                            return item;
                        }
                    }
                    return null;
                }
            };
        });
    }

    private static Predicate<Object> condition(
            String name, Rendering rendering, Arguments arguments, boolean byAttribute) {
        int first = byAttribute ? 1 : 0;
        if (arguments.positional().size() < first) {
            throw new TemplateException(name + " expects the name of an attribute");
        }
        UnaryOperator<Object> part = UnaryOperator.identity();
        if (byAttribute) {
            Filters.Path path = Filters.Path.of(arguments.positional().getFirst(), null, false);
            part = item -> path.follow(rendering, item);
        }
        UnaryOperator<Object> subject = part;
        if (arguments.positional().size() == first) {
            return item -> Types.truth(subject.apply(item));
        }
        String test = name(name, "test", arguments, first);
        Arguments rest = arguments.from(first + 1);
        return item -> rendering.test(test, subject.apply(item), rest);
    }
}
