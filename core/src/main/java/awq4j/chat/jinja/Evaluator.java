package awq4j.chat.jinja;

import awq4j.chat.jinja.Expression.CallArguments;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Computes expressions. */
final class Evaluator {
    private final Rendering rendering;
    /** Where the expression that is being computed stands. */
    private int line;

    Evaluator(Rendering rendering) {
        this.rendering = rendering;
    }

    int line() {
        return line;
    }

    void at(int newLine) {
        line = newLine;
    }

    Object evaluate(Expression expression, Scope scope) {
        rendering.budget().step();
        return switch (expression) {
            case Expression.Literal literal -> literal.value();
            case Expression.Name name -> scope.get(name.name());
            case Expression.Attribute attribute ->
                rendering.members().attribute(evaluate(attribute.of(), scope), attribute.name());
            case Expression.Item item ->
                rendering.members().item(evaluate(item.of(), scope), evaluate(item.key(), scope));
            case Expression.Slice slice ->
                rendering
                        .members()
                        .slice(
                                evaluate(slice.of(), scope),
                                bound(slice.start(), scope),
                                bound(slice.stop(), scope),
                                bound(slice.step(), scope));
            case Expression.Call call -> call(call, scope, Map.of());
            case Expression.Filter filter -> filter(filter, scope, null);
            case Expression.Test test -> test(test, scope);
            case Expression.Compare compare -> compare(compare, scope);
            case Expression.Conditional conditional -> conditional(conditional, scope);
            case Expression.Binary binary -> {
                Object left = evaluate(binary.left(), scope);
                Object right = evaluate(binary.right(), scope);
                line = binary.line();
                yield rendering.arithmetic().apply(binary.operator(), left, right);
            }
            case Expression.Concat concat -> concat(concat, scope);
            case Expression.Not not -> !truth(not.operand(), scope);
            case Expression.And and -> {
                Object left = evaluate(and.left(), scope);
                yield Types.truth(left) ? evaluate(and.right(), scope) : left;
            }
            case Expression.Or or -> {
                Object left = evaluate(or.left(), scope);
                yield Types.truth(left) ? left : evaluate(or.right(), scope);
            }
            case Expression.Negate negate -> Arithmetic.negate(evaluate(negate.operand(), scope));
            case Expression.Plus plus -> Arithmetic.plus(evaluate(plus.operand(), scope));
            case Expression.ListOf list -> all(list.items(), scope);
            case Expression.TupleOf tuple -> new Tuple(all(tuple.items(), scope));
            case Expression.DictOf dict -> dict(dict, scope);
        };
    }

    boolean truth(Expression expression, Scope scope) {
        return Types.truth(evaluate(expression, scope));
    }

    private Object bound(@Nullable Expression expression, Scope scope) {
        return expression == null ? None.NONE : evaluate(expression, scope);
    }

    private List<Object> all(List<Expression> expressions, Scope scope) {
        var values = new ArrayList<Object>(expressions.size());
        for (Expression expression : expressions) {
            values.add(evaluate(expression, scope));
        }
        return values;
    }

    private Dict dict(Expression.DictOf expression, Scope scope) {
        var dict = new Dict();
        for (Expression.Pair pair : expression.pairs()) {
            dict.put(evaluate(pair.key(), scope), evaluate(pair.value(), scope));
        }
        return dict;
    }

    private String concat(Expression.Concat concat, Scope scope) {
        var out = new StringBuilder();
        for (Expression part : concat.parts()) {
            String text = rendering.text(evaluate(part, scope));
            rendering.budget().making(text.length());
            out.append(text);
        }
        return out.toString();
    }

    private boolean compare(Expression.Compare compare, Scope scope) {
        Object left = evaluate(compare.first(), scope);
        for (Expression.Operand operand : compare.rest()) {
            Object right = evaluate(operand.value(), scope);
            if (!rendering.comparison().compare(operand.operator(), left, right)) {
                return false;
            }
            left = right;
        }
        return true;
    }

    private Object conditional(Expression.Conditional conditional, Scope scope) {
        if (truth(conditional.test(), scope)) {
            return evaluate(conditional.then(), scope);
        }
        return conditional.otherwise() == null
                ? new Undefined("an 'if' without 'else' was false, so there is no value")
                : evaluate(conditional.otherwise(), scope);
    }

    /** Calls with names beside those that the call spells. */
    Object call(Expression.Call call, Scope scope, Map<String, Object> more) {
        Object callee = evaluate(call.callee(), scope);
        Arguments arguments = arguments(call.arguments(), scope, more);
        line = call.line();
        Object result = rendering.call(callee, arguments);
        line = call.line();
        return result;
    }

    /**
     * Applies a filter.
     *
     * @param block the input of a filter without one
     */
    Object filter(Expression.Filter filter, Scope scope, @Nullable String block) {
        Object input;
        if (filter.input() instanceof Expression.Filter inner) {
            input = filter(inner, scope, block);
        } else if (filter.input() != null) {
            input = evaluate(filter.input(), scope);
        } else if (block != null) {
            input = block;
        } else {
            throw new IllegalStateException("filter without input");
        }
        Arguments arguments = arguments(filter.arguments(), scope, Map.of());
        line = filter.line();
        return rendering.filter(filter.name(), input, arguments);
    }

    private boolean test(Expression.Test test, Scope scope) {
        Object subject = evaluate(test.subject(), scope);
        Arguments arguments = arguments(test.arguments(), scope, Map.of());
        line = test.line();
        return rendering.test(test.name(), subject, arguments);
    }

    private Arguments arguments(CallArguments spelled, Scope scope, Map<String, Object> more) {
        if (spelled.equals(CallArguments.NONE) && more.isEmpty()) {
            return Arguments.NONE;
        }
        List<Object> positional = all(spelled.positional(), scope);
        var named = new LinkedHashMap<String, Object>();
        for (Expression.Keyword keyword : spelled.named()) {
            name(named, keyword.name(), evaluate(keyword.value(), scope));
        }
        if (spelled.list() != null) {
            Iterator<Object> items = Types.iterator(evaluate(spelled.list(), scope));
            while (items.hasNext()) {
                rendering.budget().step();
                positional.add(items.next());
            }
        }
        if (spelled.dict() != null) {
            if (!(evaluate(spelled.dict(), scope) instanceof Dict dict)) {
                throw new TemplateException("** in a call expects a mapping");
            }
            for (Dict.Entry entry : dict.entries()) {
                if (!Types.isText(entry.key())) {
                    throw new TemplateException("** in a call expects a mapping with strings as keys");
                }
                name(named, Repr.text(entry.key()), entry.value());
            }
        }
        more.forEach((name, value) -> name(named, name, value));
        return new Arguments(positional, named);
    }

    private static void name(Map<String, Object> named, String name, Object value) {
        if (named.put(name, value) != null) {
            throw new TemplateException("a call passes '" + name + "' twice");
        }
    }
}
