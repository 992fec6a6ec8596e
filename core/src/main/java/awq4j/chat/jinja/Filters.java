package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The filters, by name. */
final class Filters {
    /** What makes a value of another: {@code input|name(arguments)}. */
    @FunctionalInterface
    interface Filter {
        Object apply(Rendering rendering, Object input, Arguments arguments);
    }

    private static final Map<String, Filter> ALL = new HashMap<>();

    static {
        ALL.putAll(TextFilters.ALL);
        ALL.putAll(NumberFilters.ALL);
        ALL.putAll(SequenceFilters.ALL);
        ALL.putAll(SelectionFilters.ALL);
        ALL.put("default", Filters::otherwise);
        ALL.put("d", Filters::otherwise);
        ALL.put("attr", (rendering, input, arguments) -> {
            String name = arguments.bind("attr", 1, "name").text(0);
            Object own = rendering.members().own(input, name);
            return own == null ? Undefined.member(input, name) : own;
        });
        ALL.put("tojson", (rendering, input, arguments) -> Json.filter(input, arguments, rendering.budget()));
        for (String refused : new String[] {"random", "pprint", "urlize"}) {
            ALL.put(refused, (rendering, input, arguments) -> {
                throw new TemplateException("the filter '" + refused + "' is not supported");
            });
        }
    }

    private Filters() {}

    static @Nullable Filter named(String name) {
        return ALL.get(name);
    }

    private static Object otherwise(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("default", 0, "default_value", "boolean");
        boolean missing = input instanceof Undefined || (bound.truth(1) && !Types.truth(input));
        return missing ? bound.value(0, "") : input;
    }

    /** A path to a part of a value, as {@code attribute} parameters spell it: names and numbers parted by points. */
    record Path(List<Object> steps, @Nullable Object otherwise, boolean ignoresCase) {
        static Path of(Object spelled, @Nullable Object otherwise, boolean ignoresCase) {
            var steps = new ArrayList<Object>();
            if (Types.isText(spelled)) {
                for (String part : Repr.text(spelled).split("\\.", -1)) {
                    boolean number = !part.isEmpty() && part.chars().allMatch(c -> c >= '0' && c <= '9');
                    steps.add(number ? (Object) (long) FormatSpec.number(part, 0) : part);
                }
            } else if (spelled != None.NONE) {
                steps.add(spelled);
            }
            return new Path(steps, otherwise, ignoresCase);
        }

        Object follow(Rendering rendering, Object value) {
            Object at = value;
            for (Object step : steps) {
                at = rendering.members().item(at, step);
                if (at instanceof Undefined && otherwise != null && otherwise != None.NONE) {
                    at = otherwise;
                }
            }
            return ignoresCase && Types.isText(at) ? TextCase.lower(Repr.text(at)) : at;
        }
    }

    /** The elements of a value, each counted as a step. */
    static Iterator<Object> counted(Rendering rendering, Object value) {
        Iterator<Object> items = Types.iterator(value);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return items.hasNext();
            }

            @Override
            public Object next() {
                rendering.budget().step();
                return items.next();
            }
        };
    }
}
