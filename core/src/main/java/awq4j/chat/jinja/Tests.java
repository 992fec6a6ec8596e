package awq4j.chat.jinja;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The tests, by name: {@code value is name(arguments)}. */
final class Tests {
    /** What holds of a value or not. */
    @FunctionalInterface
    interface Test {
        boolean holds(Rendering rendering, Object subject, Arguments arguments);
    }

    private static final Map<String, Test> ALL = new HashMap<>();

    static {
        plain("defined", value -> !(value instanceof Undefined));
        plain("undefined", value -> value instanceof Undefined);
        plain("none", value -> value == None.NONE);
        plain("boolean", value -> value instanceof Boolean);
        plain("true", value -> Boolean.TRUE.equals(value));
        plain("false", value -> Boolean.FALSE.equals(value));
        plain("integer", value -> Numbers.isInteger(value) && !(value instanceof Boolean));
        plain("float", value -> value instanceof Double);
        plain("number", Numbers::isNumber);
        plain("string", Types::isText);
        plain("mapping", value -> value instanceof Dict);
        plain("sequence", Tests::isSequence);
        plain("iterable", Types::isIterable);
        plain("callable", value -> value instanceof Undefined || (value instanceof Invocable));
        plain("escaped", value -> value instanceof Markup);
        printed("lower", CharacterTests::isLower);
        printed("upper", CharacterTests::isUpper);
        plain("filter", value -> Dict.hashed(value) instanceof String name && Filters.named(name) != null);
        plain("test", value -> Dict.hashed(value) instanceof String name && named(name) != null);
        ALL.put("even", (rendering, subject, none) -> rest("even", rendering, subject, none, 0));
        ALL.put("odd", (rendering, subject, none) -> rest("odd", rendering, subject, none, 1));
        ALL.put("divisibleby", (rendering, subject, arguments) -> {
            Object divisor = arguments.bind("divisibleby", 1, "num").value(0);
            Object rest = rendering.arithmetic().apply(BinaryOperator.MODULO, subject, divisor);
            return rendering.comparison().equal(rest, 0L);
        });
        ALL.put(
                "sameas",
                (rendering, subject, arguments) ->
                        same(subject, arguments.bind("sameas", 1, "other").value(0)));
        ALL.put(
                "in",
                (rendering, subject, arguments) -> rendering
                        .comparison()
                        .contains(arguments.bind("in", 1, "seq").value(0), subject));
        comparison("==", "eq", "equalto");
        comparison("!=", "ne");
        comparison(">", "gt", "greaterthan");
        comparison(">=", "ge");
        comparison("<", "lt", "lessthan");
        comparison("<=", "le");
    }

    private Tests() {}

    static @Nullable Test named(String name) {
        return ALL.get(name);
    }

    private static void plain(String name, Predicate<Object> test) {
        ALL.put(name, (rendering, subject, arguments) -> {
            arguments.bind(name, 0);
            return test.test(subject);
        });
    }

    private static void printed(String name, Predicate<String> test) {
        ALL.put(name, (rendering, subject, arguments) -> {
            arguments.bind(name, 0);
            return test.test(rendering.text(subject));
        });
    }

    private static void comparison(String operator, String... names) {
        Test test = (rendering, subject, arguments) -> rendering
                .comparison()
                .compare(
                        operator,
                        subject,
                        arguments.positionalOnly(operator, 1, 1).value(0));
        ALL.put(operator, test);
        for (String name : names) {
            ALL.put(name, test);
        }
    }

    private static boolean rest(String name, Rendering rendering, Object subject, Arguments arguments, long wanted) {
        arguments.bind(name, 0);
        Object rest = rendering.arithmetic().apply(BinaryOperator.MODULO, subject, 2L);
        return rendering.comparison().equal(rest, wanted);
    }

    private static boolean isSequence(Object value) {
        return Types.isText(value)
                || value instanceof List<?>
                || value instanceof Tuple
                || value instanceof Dict
                || value instanceof Range
                || value instanceof Undefined;
    }

    /** Python's {@code is}; values that it may share or not count as one if they are equal. */
    private static boolean same(Object subject, Object other) {
        boolean simple = subject instanceof String || Numbers.isNumber(subject);
        return Comparison.same(subject, other) || (simple && subject.equals(other));
    }
}
