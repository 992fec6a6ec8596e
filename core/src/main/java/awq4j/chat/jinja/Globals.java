package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Functions that every template can call. */
final class Globals {
    private Globals() {}

    static Scope scope(Rendering rendering) {
        var scope = new Scope(null);
        function(scope, "range", Globals::range);
        function(scope, "dict", arguments -> dict(arguments, rendering));
        function(scope, "namespace", arguments -> new Namespace(dict(arguments, rendering)));
        function(scope, "cycler", Cycler::new);
        function(scope, "joiner", Globals::joiner);
        function(scope, "raise_exception", Globals::raise);
        function(
                scope,
                "strftime_now",
                arguments -> Strftime.format(
                        arguments.bind("strftime_now", 1, "format").text(0), rendering.now()));
        function(scope, "lipsum", arguments -> {
            throw new TemplateException("lipsum() is not supported: its text is random");
        });
        return scope;
    }

    private static void function(Scope scope, String name, Invocable function) {
        scope.put(name, function);
    }

    private static Object range(Arguments arguments) {
        Bound bound = arguments.positionalOnly("range", 1, 3);
        long first = Numbers.exact(bound.value(0), "a bound of a range");
        if (!bound.has(1)) {
            return new Range(0, first, 1);
        }
        long stop = Numbers.exact(bound.value(1), "a bound of a range");
        return new Range(first, stop, bound.has(2) ? Numbers.exact(bound.value(2), "the step of a range") : 1);
    }

    private static Dict dict(Arguments arguments, Rendering rendering) {
        Bound from = new Arguments(arguments.positional(), java.util.Map.of()).positionalOnly("dict", 0, 1);
        var dict = new Dict();
        if (from.has(0)) {
            fill(dict, from.value(0), rendering);
        }
        arguments.named().forEach(dict::put);
        return dict;
    }

    private static void fill(Dict dict, Object value, Rendering rendering) {
        if (value instanceof Dict other) {
            rendering.budget().making(other.size());
            other.entries().forEach(entry -> dict.put(entry.key(), entry.value()));
            return;
        }
        Iterator<Object> pairs = Types.iterator(value);
        while (pairs.hasNext()) {
            List<Object> pair = Types.list(pairs.next(), rendering.budget());
            if (pair.size() != 2) {
                throw new TemplateException("dict() expects pairs, found " + pair.size() + " values");
            }
            dict.put(pair.get(0), pair.get(1));
        }
    }

    private static Object raise(Arguments arguments) {
        throw new TemplateException(
                Repr.text(arguments.bind("raise_exception", 1, "message").value(0)));
    }

    private static Object joiner(Arguments arguments) {
        Object separator = arguments.bind("joiner", 0, "sep").value(0, ", ");
        var used = new boolean[1];
        return (Invocable) none -> {
            none.bind("joiner()", 0);
            boolean first = !used[0];
            used[0] = true;
            return first ? "" : separator;
        };
    }

    /** Goes through its items again and again. */
    private static final class Cycler implements Attributed {
        private final List<Object> items;
        private int at;

        Cycler(Arguments arguments) {
            if (arguments.positional().isEmpty() || !arguments.named().isEmpty()) {
                throw new TemplateException("cycler() expects values");
            }
            items = new ArrayList<>(arguments.positional());
        }

        @Override
        public @Nullable Object attribute(String name) {
            return switch (name) {
                case "current" -> items.get(at);
                case "items" -> new Tuple(items);
                case "pos" -> (long) at;
                case "next" ->
                    (Invocable) none -> {
                        none.bind("next", 0);
                        Object item = items.get(at);
                        at = (at + 1) % items.size();
                        return item;
                    };
                case "reset" ->
                    (Invocable) none -> {
                        none.bind("reset", 0);
                        at = 0;
                        return None.NONE;
                    };
                default -> null;
            };
        }
    }
}
