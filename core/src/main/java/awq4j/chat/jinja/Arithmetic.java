package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.List;

/** Operators as Python's types define them: numbers, but also joined and repeated strings and lists. */
final class Arithmetic {
    private final Budget budget;

    Arithmetic(Budget budget) {
        this.budget = budget;
    }

    Object apply(BinaryOperator operator, Object left, Object right) {
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.apply(operator, left, right);
        }
        if (operator == BinaryOperator.MODULO && left instanceof String format) {
            return budget.made(new PercentFormat(format, right, budget).result());
        }
        if (operator == BinaryOperator.MODULO && left instanceof Markup format) {
            return new Markup(budget.made(new PercentFormat(format.text(), escaped(right), budget).result()));
        }
        if (left instanceof Undefined undefined) {
            throw undefined.refusal();
        }
        if (right instanceof Undefined undefined) {
            throw undefined.refusal();
        }
        return switch (operator) {
            case ADD -> add(left, right);
            case MULTIPLY -> multiply(left, right);
            default -> throw refusal(operator.sign(), left, right);
        };
    }

    Object add(Object left, Object right) {
        if (left instanceof String a && right instanceof String b) {
            budget.making((long) a.length() + b.length());
            return a.concat(b);
        }
        if (Types.isText(left) && Types.isText(right)) {
            budget.making((long) Repr.text(left).length() + Repr.text(right).length());
            return new Markup(Markup.escape(left).text() + Markup.escape(right).text());
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            return joined(a, b);
        }
        if (left instanceof Tuple a && right instanceof Tuple b) {
            return new Tuple(joined(a.items(), b.items()));
        }
        throw refusal("+", left, right);
    }

    private List<Object> joined(List<?> left, List<?> right) {
        var all = new ArrayList<Object>(budget.making((long) left.size() + right.size()));
        all.addAll(left);
        all.addAll(right);
        return all;
    }

    private Object multiply(Object left, Object right) {
        if (Numbers.isInteger(right)) {
            return repeated(left, Math.max(0, Numbers.clamp(right)), right);
        }
        if (Numbers.isInteger(left)) {
            return repeated(right, Math.max(0, Numbers.clamp(left)), left);
        }
        throw refusal("*", left, right);
    }

    private Object repeated(Object value, int times, Object count) {
        return switch (value) {
            case String text -> repeated(text, times);
            case Markup markup -> new Markup(repeated(markup.text(), times));
            case List<?> list -> repeated(list, times);
            case Tuple tuple -> new Tuple(repeated(tuple.items(), times));
            default -> throw refusal("*", value, count);
        };
    }

    String repeated(String text, int times) {
        budget.making((long) text.length() * times);
        return text.repeat(times);
    }

    private List<Object> repeated(List<?> list, int times) {
        var all = new ArrayList<Object>(budget.making((long) list.size() * times));
        for (int i = 0; i < times && !list.isEmpty(); i++) {
            all.addAll(list);
        }
        return all;
    }

    private static Object escaped(Object value) {
        return switch (value) {
            case String text -> Markup.escaped(text);
            case Tuple tuple ->
                new Tuple(tuple.items().stream().map(Arithmetic::escaped).toList());
            default -> value;
        };
    }

    static Object negate(Object value) {
        return Numbers.negate(number("-", value));
    }

    static Object plus(Object value) {
        Object number = number("+", value);
        return number instanceof Boolean ? Numbers.shortest(Numbers.big(number)) : number;
    }

    private static Object number(String sign, Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.refusal();
        }
        if (!Numbers.isNumber(value)) {
            throw new TemplateException(sign + " expects a number, found " + Types.describe(value));
        }
        return value;
    }

    private static TemplateException refusal(String sign, Object left, Object right) {
        return new TemplateException(
                sign + " does not apply to " + Types.describe(left) + " and " + Types.describe(right));
    }
}
