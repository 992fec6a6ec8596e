package awq4j.chat.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What {@code value.name}, {@code value[key]} and {@code value[a:b:c]} give. A name is an attribute or method first and
 * a key second, a key the other way round; what would change a list or a dict is undefined, as in jinja2's immutable
 * sandbox.
 */
final class Members {
    private static final Set<String> CHANGE_LISTS =
            Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
    private static final Set<String> CHANGE_DICTS = Set.of("clear", "pop", "popitem", "setdefault", "update");

    private final Rendering rendering;

    Members(Rendering rendering) {
        this.rendering = rendering;
    }

    /** {@code value.name} */
    Object attribute(Object value, String name) {
        Object own = own(value, name);
        if (own != null) {
            return own;
        }
        Object item = value instanceof Dict dict ? dict.get(name) : null;
        return item == null ? Undefined.member(value, name) : item;
    }

    /** {@code value[key]} */
    Object item(Object value, Object key) {
        if (value instanceof Undefined undefined) {
            throw undefined.refusal();
        }
        Object item = element(value, key);
        if (item == null && Types.isText(key)) {
            item = own(value, Repr.text(key));
        }
        return item == null ? Undefined.member(value, key) : item;
    }

    /** An attribute or method, not a key; null if there is none. */
    @Nullable
    Object own(Object value, String name) {
        return switch (value) {
            case Undefined undefined -> throw undefined.refusal();
            case Attributed attributed -> attributed.attribute(name);
            case String text -> StringMethods.bound(rendering, text, name);
            case Markup markup -> StringMethods.bound(rendering, markup, name);
            case Dict dict ->
                CHANGE_DICTS.contains(name) ? unsafe(value, name) : CollectionMethods.of(rendering, dict, name);
            case List<?> list ->
                CHANGE_LISTS.contains(name) ? unsafe(value, name) : CollectionMethods.of(rendering, list, name);
            case Tuple tuple ->
                tuple.fields().contains(name)
                        ? tuple.items().get(tuple.fields().indexOf(name))
                        : name.equals("copy") ? null : CollectionMethods.of(rendering, tuple.items(), name);
            case Range range ->
                switch (name) {
                    case "start" -> range.start();
                    case "stop" -> range.stop();
                    case "step" -> range.step();
                    default -> name.equals("copy") ? null : CollectionMethods.of(rendering, range.items(), name);
                };
            case Boolean flag -> integer(Numbers.big(flag), name);
            case Long number -> integer(Numbers.big(number), name);
            case BigInteger number -> integer(number, name);
            case Double number ->
                switch (name) {
                    case "real" -> number;
                    case "imag" -> 0.0;
                    case "is_integer" ->
                        method("is_integer", number == Math.rint(number) && !Double.isInfinite(number));
                    case "conjugate" -> method("conjugate", number);
                    default -> null;
                };
            default -> null;
        };
    }

    private static @Nullable Object integer(BigInteger number, String name) {
        return switch (name) {
            case "real", "numerator" -> Numbers.shortest(number);
            case "imag" -> 0L;
            case "denominator" -> 1L;
            case "conjugate" -> method(name, Numbers.shortest(number));
            case "bit_length" -> method(name, (long) number.abs().bitLength());
            case "bit_count" -> method(name, (long) number.abs().bitCount());
            default -> null;
        };
    }

    private static Invocable method(String name, Object result) {
        return arguments -> {
            arguments.positionalOnly(name, 0, 0);
            return result;
        };
    }

    private static Undefined unsafe(Object value, String name) {
        return new Undefined("'" + name + "' would change a " + Types.name(value) + ", which a template may not");
    }

    private @Nullable Object element(Object value, Object key) {
        if (value instanceof Dict dict) {
            boolean hashable = !(key instanceof List<?> || key instanceof Dict);
            return hashable ? dict.get(key) : null;
        }
        if (!Numbers.isInteger(key)) {
            return null;
        }
        int index = Numbers.clamp(key);
        return switch (value) {
            case List<?> list -> at(list, index);
            case Tuple tuple -> at(tuple.items(), index);
            case Range range -> at(range.items(), index);
            case String text -> character(text, index);
            case Markup markup -> {
                String character = character(markup.text(), index);
                yield character == null ? null : new Markup(character);
            }
            default -> null;
        };
    }

    private static @Nullable Object at(List<?> list, int index) {
        long place = index < 0 ? (long) index + list.size() : index;
        return place < 0 || place >= list.size() ? null : list.get((int) place);
    }

    private @Nullable String character(String text, int index) {
        rendering.budget().scan(text.length());
        int length = CodePoints.length(text);
        long place = index < 0 ? (long) index + length : index;
        return place < 0 || place >= length ? null : CodePoints.at(text, (int) place);
    }

    /** {@code value[start:stop:step]}, each None where it is left out. */
    Object slice(Object value, Object start, Object stop, Object step) {
        return switch (value) {
            case String text -> text(text, start, stop, step);
            case Markup markup -> new Markup(text(markup.text(), start, stop, step));
            case List<?> list -> items(list, start, stop, step);
            case Tuple tuple -> new Tuple(items(tuple.items(), start, stop, step));
            case Range range -> {
                Span span = Span.of(range.size(), start, stop, step);
                long from = range.start() + span.start * range.step();
                long by = range.step() * span.step;
                yield new Range(from, from + span.count * by, by);
            }
            case Undefined undefined -> throw undefined.refusal();
            default ->
                throw new TemplateException("a slice expects a string or a list, found " + Types.describe(value));
        };
    }

    private String text(String text, Object start, Object stop, Object step) {
        rendering.budget().scan(text.length());
        Span span = Span.of(CodePoints.length(text), start, stop, step);
        if (span.step == 1) {
            return CodePoints.slice(text, (int) span.start, (int) (span.start + span.count));
        }
        int[] characters = text.codePoints().toArray();
        var out = new StringBuilder(rendering.budget().making(span.count));
        for (long i = 0; i < span.count; i++) {
            out.appendCodePoint(characters[(int) (span.start + i * span.step)]);
        }
        return out.toString();
    }

    private List<Object> items(List<?> list, Object start, Object stop, Object step) {
        Span span = Span.of(list.size(), start, stop, step);
        var items = new ArrayList<Object>(rendering.budget().making(span.count));
        for (long i = 0; i < span.count; i++) {
            items.add(list.get((int) (span.start + i * span.step)));
        }
        return items;
    }

    /** The places that a slice takes. */
    private record Span(long start, long step, long count) {
        static Span of(int length, Object start, Object stop, Object step) {
            long by = step == None.NONE ? 1 : index(step);
            if (by == 0) {
                throw new TemplateException("the step of a slice should not be zero");
            }
            long first = by > 0 ? 0 : -1;
            long last = by > 0 ? length : length - 1;
            long from = start == None.NONE ? (by > 0 ? first : last) : bound(index(start), length, first, last);
            long to = stop == None.NONE ? (by > 0 ? last : first) : bound(index(stop), length, first, last);
            long count = by > 0 ? Math.ceilDiv(to - from, by) : Math.ceilDiv(from - to, -by);
            return new Span(from, by, Math.max(0, count));
        }

        private static long index(Object bound) {
            if (!Numbers.isInteger(bound)) {
                throw new TemplateException("a slice expects integers, found " + Types.describe(bound));
            }
            return Numbers.clamp(bound);
        }

        private static long bound(long index, int length, long first, long last) {
            return Math.clamp(index < 0 ? index + length : index, first, last);
        }
    }
}
