package awq4j.chat.jinja;

import awq4j.chat.jinja.Expression.CallArguments;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses expressions, with the precedence that jinja2 gives operators. */
final class ExpressionParser {
    private static final Set<String> SPECIAL = Set.of("caller", "varargs", "kwargs");
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

    private final TokenStream tokens;
    /** For each macro around this place, which of the special names it mentions. */
    private final Deque<Set<String>> mentioned = new ArrayDeque<>();

    ExpressionParser(TokenStream tokens) {
        this.tokens = tokens;
    }

    void enterMacro() {
        mentioned.push(new HashSet<>());
    }

    Set<String> leaveMacro() {
        Set<String> names = mentioned.pop();
        if (!mentioned.isEmpty()) {
            mentioned.element().addAll(names);
        }
        return names;
    }

    Expression expression() {
        tokens.enter();
        Expression value = conditional();
        tokens.leave();
        return value;
    }

    private Expression conditional() {
        Expression value = or();
        for (int length = 0; tokens.skipName("if"); length = tokens.chained(length)) {
            Expression test = or();
            Expression otherwise = tokens.skipName("else") ? expression() : null;
            value = new Expression.Conditional(test, value, otherwise);
        }
        return value;
    }

    /** An expression, or a tuple of several that commas part. */
    Expression tuple(boolean conditional, @Nullable String end) {
        return tuple(conditional, end, false);
    }

    private Expression tuple(boolean conditional, @Nullable String end, boolean mayBeEmpty) {
        var items = new ArrayList<Expression>();
        boolean comma = false;
        while (!atTupleEnd(end)) {
            items.add(conditional ? expression() : or());
            if (!tokens.skipOperator(",")) {
                break;
            }
            comma = true;
        }
        if (comma || (items.isEmpty() && mayBeEmpty)) {
            return new Expression.TupleOf(items);
        }
        if (items.isEmpty()) {
            throw tokens.expected("an expression");
        }
        return items.getFirst();
    }

    private boolean atTupleEnd(@Nullable String end) {
        return tokens.at(Token.Kind.END_OUTPUT)
                || tokens.at(Token.Kind.END_TAG)
                || tokens.atOperator(")")
                || (end != null && tokens.atName(end));
    }

    Expression or() {
        Expression left = and();
        for (int length = 0; tokens.skipName("or"); length = tokens.chained(length)) {
            left = new Expression.Or(left, and());
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        for (int length = 0; tokens.skipName("and"); length = tokens.chained(length)) {
            left = new Expression.And(left, not());
        }
        return left;
    }

    private Expression not() {
        if (!tokens.skipName("not")) {
            return comparison();
        }
        tokens.enter();
        Expression operand = not();
        tokens.leave();
        return new Expression.Not(operand);
    }

    private Expression comparison() {
        Expression first = sum();
        var rest = new ArrayList<Expression.Operand>();
        while (true) {
            if (tokens.at(Token.Kind.OPERATOR)
                    && COMPARISONS.contains(tokens.current().text())) {
                rest.add(new Expression.Operand(tokens.next().text(), sum()));
            } else if (tokens.skipName("in")) {
                rest.add(new Expression.Operand("in", sum()));
            } else if (tokens.atName("not") && tokens.following().isName("in")) {
                tokens.next();
                tokens.next();
                rest.add(new Expression.Operand("not in", sum()));
            } else {
                return rest.isEmpty() ? first : new Expression.Compare(first, rest);
            }
        }
    }

    private Expression sum() {
        Expression left = concatenation();
        for (int length = 0; tokens.atOperator("+") || tokens.atOperator("-"); length = tokens.chained(length)) {
            Token sign = tokens.next();
            left = new Expression.Binary(BinaryOperator.of(sign.text()), left, concatenation(), sign.line());
        }
        return left;
    }

    private Expression concatenation() {
        Expression first = product();
        if (!tokens.atOperator("~")) {
            return first;
        }
        var parts = new ArrayList<>(List.of(first));
        while (tokens.skipOperator("~")) {
            parts.add(product());
        }
        return new Expression.Concat(parts);
    }

    private Expression product() {
        Expression left = power();
        for (int length = 0;
                tokens.atOperator("*") || tokens.atOperator("/") || tokens.atOperator("//") || tokens.atOperator("%");
                length = tokens.chained(length)) {
            Token sign = tokens.next();
            left = new Expression.Binary(BinaryOperator.of(sign.text()), left, power(), sign.line());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        for (int length = 0; tokens.atOperator("**"); length = tokens.chained(length)) {
            int line = tokens.next().line();
            left = new Expression.Binary(BinaryOperator.POWER, left, unary(true), line);
        }
        return left;
    }

    private Expression unary(boolean filters) {
        Expression value;
        if (tokens.atOperator("-") || tokens.atOperator("+")) {
            boolean negative = tokens.next().isOperator("-");
            tokens.enter();
            Expression operand = unary(false);
            tokens.leave();
            value = negative ? new Expression.Negate(operand) : new Expression.Plus(operand);
        } else {
            value = primary();
        }
        value = postfix(value);
        return filters ? filtered(value) : value;
    }

    private Expression primary() {
        Token token = tokens.current();
        switch (token.kind()) {
            case NAME -> {
                tokens.next();
                return name(token.text());
            }
            case STRING -> {
                var text = new StringBuilder();
                while (tokens.at(Token.Kind.STRING)) {
                    text.append(tokens.next().text());
                }
                return new Expression.Literal(text.toString());
            }
            case INTEGER -> {
                tokens.next();
                return new Expression.Literal(integer(token));
            }
            case FLOAT -> {
                tokens.next();
                return new Expression.Literal(Double.parseDouble(token.text().replace("_", "")));
            }
            default -> {
                if (tokens.skipOperator("(")) {
                    tokens.enter();
                    Expression inner = tuple(true, null, true);
                    tokens.leave();
                    tokens.expectOperator(")");
                    return inner;
                }
                if (tokens.skipOperator("[")) {
                    return list();
                }
                if (tokens.skipOperator("{")) {
                    return dict();
                }
                throw tokens.expected("an expression");
            }
        }
    }

    private Expression name(String name) {
        if (SPECIAL.contains(name) && !mentioned.isEmpty()) {
            mentioned.element().add(name);
        }
        return switch (name) {
            case "true", "True" -> new Expression.Literal(true);
            case "false", "False" -> new Expression.Literal(false);
            case "none", "None" -> new Expression.Literal(None.NONE);
            default -> new Expression.Name(name);
        };
    }

    static Object integer(Token token) {
        try {
            return Conversion.integer(token.text(), 0).orElseThrow();
        } catch (TemplateException | java.util.NoSuchElementException e) {
            throw new TemplateException(
                    "an integer of " + token.text().length() + " digits is too large", token.line());
        }
    }

    private Expression list() {
        var items = new ArrayList<Expression>();
        while (!tokens.atOperator("]")) {
            items.add(expression());
            if (!tokens.skipOperator(",")) {
                break;
            }
        }
        tokens.expectOperator("]");
        return new Expression.ListOf(items);
    }

    private Expression dict() {
        var pairs = new ArrayList<Expression.Pair>();
        while (!tokens.atOperator("}")) {
            Expression key = expression();
            tokens.expectOperator(":");
            pairs.add(new Expression.Pair(key, expression()));
            if (!tokens.skipOperator(",")) {
                break;
            }
        }
        tokens.expectOperator("}");
        return new Expression.DictOf(pairs);
    }

    private Expression postfix(Expression value) {
        Expression result = value;
        for (int length = 0; ; length = tokens.chained(length)) {
            if (tokens.skipOperator(".")) {
                result = member(result);
            } else if (tokens.skipOperator("[")) {
                result = subscript(result);
            } else if (tokens.atOperator("(")) {
                result = call(result);
            } else {
                return result;
            }
        }
    }

    private Expression filtered(Expression value) {
        Expression result = value;
        for (int length = 0; ; length = tokens.chained(length)) {
            if (tokens.skipOperator("|")) {
                result = filter(result);
            } else if (tokens.atName("is")) {
                result = test(result);
            } else if (tokens.atOperator("(")) {
                result = call(result);
            } else {
                return result;
            }
        }
    }

    private Expression member(Expression value) {
        Token token = tokens.next();
        return switch (token.kind()) {
            case NAME -> new Expression.Attribute(value, token.text());
            case INTEGER -> new Expression.Item(value, new Expression.Literal(integer(token)));
            default ->
                throw new TemplateException(
                        "expected a name or a number after '.', found " + token.description(), token.line());
        };
    }

    private Expression subscript(Expression value) {
        var keys = new ArrayList<Expression>();
        while (!tokens.atOperator("]")) {
            if (!keys.isEmpty()) {
                tokens.expectOperator(",");
            }
            if (tokens.atOperator(":")) {
                return slice(value, null, keys.isEmpty());
            }
            Expression key = expression();
            if (tokens.atOperator(":")) {
                return slice(value, key, keys.isEmpty());
            }
            keys.add(key);
        }
        tokens.expectOperator("]");
        return new Expression.Item(value, keys.size() == 1 ? keys.getFirst() : new Expression.TupleOf(keys));
    }

    private Expression slice(Expression value, @Nullable Expression start, boolean alone) {
        tokens.expectOperator(":");
        Expression stop = bound();
        Expression step = tokens.skipOperator(":") ? bound() : null;
        if (!alone || tokens.atOperator(",")) {
            throw tokens.fail("a slice stands alone between brackets");
        }
        tokens.expectOperator("]");
        return new Expression.Slice(value, start, stop, step);
    }

    private @Nullable Expression bound() {
        return tokens.atOperator(":") || tokens.atOperator("]") || tokens.atOperator(",") ? null : expression();
    }

    Expression.Call call(Expression callee) {
        int line = tokens.line();
        return new Expression.Call(callee, arguments(), line);
    }

    private CallArguments arguments() {
        int line = tokens.line();
        tokens.expectOperator("(");
        var positional = new ArrayList<Expression>();
        var named = new ArrayList<Expression.Keyword>();
        Expression list = null;
        Expression dict = null;
        while (!tokens.atOperator(")")) {
            boolean ordered;
            if (tokens.skipOperator("*")) {
                ordered = list == null && dict == null;
                list = expression();
            } else if (tokens.skipOperator("**")) {
                ordered = dict == null;
                dict = expression();
            } else if (tokens.at(Token.Kind.NAME) && tokens.following().isOperator("=")) {
                ordered = dict == null;
                String name = tokens.next().text();
                tokens.next();
                named.add(new Expression.Keyword(name, expression()));
            } else {
                ordered = list == null && dict == null && named.isEmpty();
                positional.add(expression());
            }
            if (!ordered) {
                throw new TemplateException(
                        "arguments should come in this order: values, name=value, *list, **dict", line);
            }
            if (!tokens.skipOperator(",")) {
                break;
            }
        }
        tokens.expectOperator(")");
        return new CallArguments(positional, named, list, dict);
    }

    /** A filter after its bar. */
    Expression.Filter filter(@Nullable Expression input) {
        int line = tokens.line();
        String name = dottedName();
        CallArguments arguments = tokens.atOperator("(") ? arguments() : CallArguments.NONE;
        return new Expression.Filter(input, name, arguments, line);
    }

    private String dottedName() {
        var name = new StringBuilder(tokens.expect(Token.Kind.NAME).text());
        while (tokens.skipOperator(".")) {
            name.append('.').append(tokens.expect(Token.Kind.NAME).text());
        }
        return name.toString();
    }

    private Expression test(Expression subject) {
        int line = tokens.next().line();
        boolean negated = tokens.skipName("not");
        String name = dottedName();
        CallArguments arguments = CallArguments.NONE;
        if (tokens.atOperator("(")) {
            arguments = arguments();
        } else if (beginsOperand()) {
            if (tokens.atName("is")) {
                throw tokens.fail("tests cannot be chained with 'is'");
            }
            arguments = new CallArguments(List.of(postfix(primary())), List.of(), null, null);
        }
        Expression test = new Expression.Test(subject, name, arguments, line);
        return negated ? new Expression.Not(test) : test;
    }

    /** Whether an argument without parentheses follows a test. */
    private boolean beginsOperand() {
        Token token = tokens.current();
        return switch (token.kind()) {
            case NAME -> !token.isName("else") && !token.isName("or") && !token.isName("and");
            case STRING, INTEGER, FLOAT -> true;
            default -> token.isOperator("[") || token.isOperator("{");
        };
    }
}
