package awq4j.chat.jinja;

import java.math.BigInteger;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;

/** What Python asks any value: its type, truth, length and elements. */
final class Types {
    private Types() {}

    /** Python's name of a value's type. */
    static String name(Object value) {
        return switch (value) {
            case None none -> "NoneType";
            case Undefined undefined -> "Undefined";
            case String text -> "str";
            case Markup markup -> "Markup";
            case Boolean flag -> "bool";
            case Long number -> "int";
            case BigInteger number -> "int";
            case Double number -> "float";
            case List<?> list -> "list";
            case Tuple tuple -> "tuple";
            case Dict dict -> "dict";
            case DictView view -> "dict_" + Repr.lower(view.kind().name());
            case Range range -> "range";
            case Once once -> "iterator";
            case Namespace namespace -> "Namespace";
            case LoopState loop -> "LoopContext";
            case Macro macro -> "Macro";
            case Invocable function -> "function";
            default -> value.getClass().getSimpleName();
        };
    }

    static boolean truth(Object value) {
        return switch (value) {
            case Boolean flag -> flag;
            case None none -> false;
            case Undefined undefined -> false;
            case Long number -> number != 0;
            case Double number -> number != 0;
            default -> {
                OptionalInt length = length(value);
                yield length.isEmpty() || length.getAsInt() > 0;
            }
        };
    }

    /** Number of characters or elements; empty for what has none. */
    static OptionalInt length(Object value) {
        return switch (value) {
            case String text -> OptionalInt.of(CodePoints.length(text));
            case Markup markup -> OptionalInt.of(CodePoints.length(markup.text()));
            case List<?> list -> OptionalInt.of(list.size());
            case Tuple tuple -> OptionalInt.of(tuple.items().size());
            case Dict dict -> OptionalInt.of(dict.size());
            case DictView view -> OptionalInt.of(view.dict().size());
            case Range range -> OptionalInt.of(range.size());
            case Undefined undefined -> OptionalInt.of(0);
            case LoopState loop -> OptionalInt.of(loop.length());
            default -> OptionalInt.empty();
        };
    }

    static boolean isText(Object value) {
        return value instanceof String || value instanceof Markup;
    }

    static boolean isIterable(Object value) {
        return value instanceof Once
                || value instanceof LoopState
                || length(value).isPresent();
    }

    /** The elements; @throws TemplateException if the value has none. */
    static Iterator<Object> iterator(Object value) {
        return switch (value) {
            case List<?> list -> asList(list).iterator();
            case Tuple tuple -> tuple.items().iterator();
            case Dict dict -> new DictView(dict, DictView.Kind.KEYS).iterator();
            case DictView view -> view.iterator();
            case String text -> CodePoints.iterator(text);
            case Markup markup -> CodePoints.iterator(markup.text());
            case Range range -> range.items().iterator();
            case Once once -> once.iterator();
            case Undefined undefined -> List.of().iterator();
            case LoopState loop -> loop.rest();
            default -> throw new TemplateException(describe(value) + " is not iterable");
        };
    }

    /** A new or shared list of the elements; not to be changed. */
    static List<Object> list(Object value, Budget budget) {
        if (value instanceof List<?> list) {
            return asList(list);
        }
        if (value instanceof Tuple tuple) {
            return tuple.items();
        }
        var items = new java.util.ArrayList<Object>();
        Iterator<Object> iterator = iterator(value);
        while (iterator.hasNext()) {
            budget.step();
            items.add(iterator.next());
        }
        budget.making(items.size());
        return items;
    }

    /** Lists hold values only: what comes from outside went through {@link #value}. */
    @SuppressWarnings("unchecked")
    static List<Object> asList(List<?> list) {
        return (List<Object>) list;
    }

    /** The type and, if it is short, the value. */
    static String describe(Object value) {
        return value instanceof None || value instanceof Undefined
                ? Repr.brief(value)
                : "a value of type " + name(value);
    }

    /**
     * A value of the template language from one of Java: null, strings, booleans, numbers, maps with string keys, lists,
     * Jackson's nodes, and values that are already of the language.
     *
     * @throws IllegalArgumentException if it, or something within it, is of another class
     */
    static Object value(@org.jspecify.annotations.Nullable Object java) {
        return value(java, 0);
    }

    private static Object value(@org.jspecify.annotations.Nullable Object java, int level) {
        int deeper = Budget.deeper(level);
        return switch (java) {
            case null -> None.NONE;
            case String text -> text;
            case Boolean flag -> flag;
            case Long number -> number;
            case Double number -> number;
            case Integer number -> (long) number;
            case Short number -> (long) number;
            case Byte number -> (long) number;
            case Float number -> Double.valueOf(number.toString());
            case BigInteger number -> Numbers.shortest(number);
            case java.math.BigDecimal number -> number.doubleValue();
            case JsonNode node -> json(node, deeper);
            case Map<?, ?> map -> {
                var dict = new Dict();
                map.forEach((key, item) -> dict.put(value(key, deeper), value(item, deeper)));
                yield dict;
            }
            case Iterable<?> items -> {
                var list = new java.util.ArrayList<Object>();
                items.forEach(item -> list.add(value(item, deeper)));
                yield list;
            }
            case Invocable function -> function;
            default ->
                throw new IllegalArgumentException(
                        "a template takes null, strings, booleans, numbers, maps, lists and JSON; found "
                                + java.getClass().getName());
        };
    }

    private static Object json(JsonNode node, int level) {
        return switch (node.getNodeType()) {
            case STRING -> node.asString();
            case BOOLEAN -> node.booleanValue();
            case NULL, MISSING -> None.NONE;
            case NUMBER -> node.isIntegralNumber() ? Numbers.shortest(node.bigIntegerValue()) : node.doubleValue();
            case ARRAY -> {
                var list = new java.util.ArrayList<Object>(node.size());
                node.forEach(item -> list.add(value(item, level)));
                yield list;
            }
            case OBJECT -> {
                var dict = new Dict();
                node.properties().forEach(entry -> dict.put(entry.getKey(), value(entry.getValue(), level)));
                yield dict;
            }
            case BINARY, POJO ->
                throw new IllegalArgumentException("a template takes JSON, found a " + node.getNodeType());
        };
    }
}
