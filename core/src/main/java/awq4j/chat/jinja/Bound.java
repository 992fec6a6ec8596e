package awq4j.chat.jinja;

import org.jspecify.annotations.Nullable;

/** Arguments by the place of their parameter, with typed access. */
final class Bound {
    private final String function;
    private final @Nullable Object[] values;

    Bound(String function, @Nullable Object[] values) {
        this.function = function;
        this.values = values;
    }

    boolean has(int parameter) {
        return values[parameter] != null;
    }

    /** A required argument. */
    Object value(int parameter) {
        Object value = values[parameter];
        if (value == null) {
            throw new TemplateException(function + " needs argument " + (parameter + 1));
        }
        return value;
    }

    Object value(int parameter, Object otherwise) {
        Object value = values[parameter];
        return value == null ? otherwise : value;
    }

    /** Whether it is given and neither absent nor None. */
    boolean given(int parameter) {
        return values[parameter] != null && values[parameter] != None.NONE;
    }

    boolean truth(int parameter) {
        return has(parameter) && Types.truth(value(parameter));
    }

    /** An integer in int's range. */
    int integer(int parameter, int otherwise) {
        if (!has(parameter)) {
            return otherwise;
        }
        Object value = value(parameter);
        if (!Numbers.isInteger(value)) {
            throw wrong(parameter, "an integer");
        }
        return Numbers.clamp(value);
    }

    int integer(int parameter) {
        value(parameter);
        return integer(parameter, 0);
    }

    String text(int parameter, String otherwise) {
        return has(parameter) ? text(parameter) : otherwise;
    }

    /** A string. */
    String text(int parameter) {
        return switch (value(parameter)) {
            case String text -> text;
            case Markup markup -> markup.text();
            default -> throw wrong(parameter, "a string");
        };
    }

    TemplateException wrong(int parameter, String expected) {
        return new TemplateException(function + ": argument " + (parameter + 1) + " should be " + expected + ", is "
                + Repr.brief(value(parameter)));
    }
}
