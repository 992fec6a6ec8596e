package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Python's methods of strings. */
final class StringMethods {
    /** A method: what it gives for a string and arguments. */
    interface Method {
        Object call(Rendering rendering, String self, Arguments arguments);
    }

    private static final Map<String, Method> METHODS = new HashMap<>();
    /** Methods whose arguments marked-up text escapes, and whose result is marked up again. */
    private static final Set<String> MARKED = Set.of(
            "capitalize",
            "title",
            "lower",
            "upper",
            "replace",
            "ljust",
            "rjust",
            "lstrip",
            "rstrip",
            "center",
            "strip",
            "expandtabs",
            "swapcase",
            "zfill",
            "casefold",
            "removeprefix",
            "removesuffix",
            "join",
            "partition",
            "rpartition");

    /** Methods whose results are marked up, but whose arguments are taken as they are. */
    private static final Set<String> SPLITTING = Set.of("split", "rsplit", "splitlines");

    static {
        plain("upper", TextCase::upper);
        plain("lower", TextCase::lower);
        plain("title", TextCase::title);
        plain("capitalize", TextCase::capitalize);
        plain("swapcase", TextCase::swap);
        plain("casefold", self -> TextCase.lower(TextCase.upper(self)));
        CharacterTests.ALL.forEach((name, test) -> METHODS.put(name, (rendering, self, arguments) -> {
            arguments.positionalOnly(name, 0, 0);
            return test.test(self);
        }));
        METHODS.put(
                "strip",
                (rendering, self, arguments) ->
                        TextSearch.strip(self, arguments.positionalOnly("strip", 0, 1), true, true));
        METHODS.put(
                "lstrip",
                (rendering, self, arguments) ->
                        TextSearch.strip(self, arguments.positionalOnly("lstrip", 0, 1), true, false));
        METHODS.put(
                "rstrip",
                (rendering, self, arguments) ->
                        TextSearch.strip(self, arguments.positionalOnly("rstrip", 0, 1), false, true));
        METHODS.put("split", (rendering, self, arguments) -> TextSplit.split(self, arguments, rendering.budget()));
        METHODS.put(
                "rsplit",
                (rendering, self, arguments) -> TextSplit.splitFromRight(self, arguments, rendering.budget()));
        METHODS.put(
                "splitlines",
                (rendering, self, arguments) -> TextSplit.lines(
                        self, arguments.bind("splitlines", 0, "keepends").truth(0), rendering.budget()));
        METHODS.put("partition", (rendering, self, arguments) -> TextSplit.partition(self, arguments, false));
        METHODS.put("rpartition", (rendering, self, arguments) -> TextSplit.partition(self, arguments, true));
        METHODS.put("find", (rendering, self, arguments) -> TextSearch.find("find", self, arguments, false));
        METHODS.put("rfind", (rendering, self, arguments) -> TextSearch.find("rfind", self, arguments, true));
        METHODS.put("index", (rendering, self, arguments) -> TextSearch.index("index", self, arguments, false));
        METHODS.put("rindex", (rendering, self, arguments) -> TextSearch.index("rindex", self, arguments, true));
        METHODS.put("count", (rendering, self, arguments) -> TextSearch.count(self, arguments));
        METHODS.put(
                "startswith", (rendering, self, arguments) -> TextSearch.affix("startswith", self, arguments, true));
        METHODS.put("endswith", (rendering, self, arguments) -> TextSearch.affix("endswith", self, arguments, false));
        METHODS.put("removeprefix", (rendering, self, arguments) -> {
            String prefix = arguments.positionalOnly("removeprefix", 1, 1).text(0);
            return self.startsWith(prefix) ? self.substring(prefix.length()) : self;
        });
        METHODS.put("removesuffix", (rendering, self, arguments) -> {
            String suffix = arguments.positionalOnly("removesuffix", 1, 1).text(0);
            return self.endsWith(suffix) ? self.substring(0, self.length() - suffix.length()) : self;
        });
        METHODS.put("replace", (rendering, self, arguments) -> {
            Bound bound = arguments.positionalOnly("replace", 2, 3);
            return TextSearch.replace(self, bound.text(0), bound.text(1), bound.integer(2, -1), rendering.budget());
        });
        METHODS.put(
                "join",
                (rendering, self, arguments) ->
                        join(self, arguments.positionalOnly("join", 1, 1).value(0), rendering));
        METHODS.put(
                "format",
                (rendering, self, arguments) -> rendering
                        .budget()
                        .made(new BraceFormat(arguments, rendering.members(), rendering.budget(), false).format(self)));
        METHODS.put("format_map", (rendering, self, arguments) -> {
            if (!(arguments.positionalOnly("format_map", 1, 1).value(0) instanceof Dict dict)) {
                throw new TemplateException("format_map expects a mapping");
            }
            var named = new LinkedHashMap<String, Object>();
            dict.entries().forEach(entry -> named.put(Repr.text(entry.key()), entry.value()));
            var all = new Arguments(List.of(), named);
            return rendering
                    .budget()
                    .made(new BraceFormat(all, rendering.members(), rendering.budget(), false).format(self));
        });
        METHODS.put("center", (rendering, self, arguments) -> padded("center", self, arguments, rendering));
        METHODS.put("ljust", (rendering, self, arguments) -> padded("ljust", self, arguments, rendering));
        METHODS.put("rjust", (rendering, self, arguments) -> padded("rjust", self, arguments, rendering));
        METHODS.put("zfill", (rendering, self, arguments) -> zeros(self, arguments, rendering));
        METHODS.put(
                "expandtabs",
                (rendering, self, arguments) -> TextSplit.expandTabs(
                        self, arguments.bind("expandtabs", 0, "tabsize").integer(0, 8), rendering.budget()));
        for (String refused : new String[] {"encode", "translate", "maketrans"}) {
            METHODS.put(refused, (rendering, self, arguments) -> {
                throw new TemplateException("the method '" + refused + "' of strings is not supported");
            });
        }
    }

    private StringMethods() {}

    private static void plain(String name, java.util.function.UnaryOperator<String> method) {
        METHODS.put(name, (rendering, self, arguments) -> {
            arguments.positionalOnly(name, 0, 0);
            return rendering.budget().made(method.apply(self));
        });
    }

    /** The method of a string, null if strings have none of this name. */
    static @Nullable Invocable bound(Rendering rendering, String self, String name) {
        Method method = METHODS.get(name);
        return method == null
                ? null
                : arguments -> {
                    rendering.budget().scan(self.length());
                    return method.call(rendering, self, arguments);
                };
    }

    /** The method of marked-up text: escapes its arguments and marks up its result, where Python's does. */
    static @Nullable Invocable bound(Rendering rendering, Markup self, String name) {
        if (name.equals("format")) {
            return arguments -> new Markup(rendering
                    .budget()
                    .made(new BraceFormat(arguments, rendering.members(), rendering.budget(), true)
                            .format(self.text())));
        }
        Invocable method = bound(rendering, self.text(), name);
        if (method == null || SPLITTING.contains(name)) {
            return method == null ? null : arguments -> marked(method.call(arguments));
        }
        if (!MARKED.contains(name)) {
            return method;
        }
        return arguments -> {
            var named = new LinkedHashMap<String, Object>();
            arguments.named().forEach((key, value) -> named.put(key, escaped(value)));
            List<Object> positional = arguments.positional().stream()
                    .map(value -> name.equals("join") ? escapedItems(value, rendering) : escaped(value))
                    .toList();
            return marked(method.call(new Arguments(positional, named)));
        };
    }

    private static Object escaped(Object value) {
        return Types.isText(value) ? Markup.escape(value).text() : value;
    }

    private static Object escapedItems(Object value, Rendering rendering) {
        var items = new ArrayList<Object>();
        Types.list(value, rendering.budget())
                .forEach(item -> items.add(Markup.escape(item).text()));
        return items;
    }

    private static Object marked(Object value) {
        return switch (value) {
            case String text -> new Markup(text);
            case List<?> list -> list.stream().map(StringMethods::marked).toList();
            case Tuple tuple ->
                new Tuple(tuple.items().stream().map(StringMethods::marked).toList());
            default -> value;
        };
    }

    private static String join(String separator, Object items, Rendering rendering) {
        var out = new StringBuilder();
        int index = 0;
        var iterator = Types.iterator(items);
        while (iterator.hasNext()) {
            Object item = iterator.next();
            if (!Types.isText(item)) {
                throw new TemplateException("join expects strings, found " + Types.describe(item) + " at " + index);
            }
            if (index++ > 0) {
                out.append(separator);
            }
            out.append(Repr.text(item));
            rendering.budget().output(out.length());
            rendering.budget().step();
        }
        return rendering.budget().made(out.toString());
    }

    private static String padded(String name, String self, Arguments arguments, Rendering rendering) {
        Bound bound = arguments.positionalOnly(name, 1, 2);
        String fill = bound.text(1, " ");
        if (CodePoints.length(fill) != 1) {
            throw bound.wrong(1, "one character");
        }
        int width = bound.integer(0);
        int missing = Math.max(0, width - CodePoints.length(self));
        rendering.budget().making((long) self.length() + missing);
        return switch (name) {
            case "ljust" -> self + fill.repeat(missing);
            case "rjust" -> fill.repeat(missing) + self;
            default -> {
                int left = missing / 2 + (missing & width & 1);
                yield fill.repeat(left) + self + fill.repeat(missing - left);
            }
        };
    }

    private static String zeros(String self, Arguments arguments, Rendering rendering) {
        int missing = Math.max(0, arguments.positionalOnly("zfill", 1, 1).integer(0) - CodePoints.length(self));
        rendering.budget().making((long) self.length() + missing);
        boolean signed = self.startsWith("+") || self.startsWith("-");
        return (signed ? self.substring(0, 1) : "") + "0".repeat(missing) + (signed ? self.substring(1) : self);
    }
}
