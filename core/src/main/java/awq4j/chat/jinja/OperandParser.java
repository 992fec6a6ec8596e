package awq4j.chat.jinja;

import awq4j.chat.jinja.Expression.CallArguments;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses what operators stand between: literals and names, with their members, calls, filters and tests. */
final class OperandParser {
    private static final Set<String> SPECIAL = Set.of("caller", "varargs", "kwargs");

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    /** For each macro around this place, which of the special names it mentions. */
    private final Deque<Set<String>> mentioned = new ArrayDeque<>();

    OperandParser(TokenStream tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
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

    /** A name, a literal, or what stands in brackets. */
    Expression primary() {
        Token token = tokens.current();
        return switch (token.kind()) {
            case NAME -> name(tokens.next().text());
            case STRING -> strings();
            case INTEGER -> new Expression.Literal(integer(tokens.next()));
            case FLOAT ->
                new Expression.Literal(Conversion.real(tokens.next().text())
                        .orElseThrow(() -> new TemplateException("not a number: " + token.text(), token.line())));
            default -> bracketed();
        };
    }

    /** Strings that stand side by side are one. */
    private Expression strings() {
        var text = new StringBuilder();
        while (tokens.at(Token.Kind.STRING)) {
            text.append(tokens.next().text());
        }
        return new Expression.Literal(text.toString());
    }

    private Expression bracketed() {
        if (tokens.skipOperator("(")) {
            tokens.enter();
            Expression inner = expressions.tuple(true, null, true);
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

    private static Object integer(Token token) {
        try {
            return Conversion.integer(token.text(), 0)
                    .orElseThrow(() -> new TemplateException("not an integer: " + Repr.brief(token.text())));
        } catch (TemplateException e) {
            throw e.at(token.line());
        }
    }

    private Expression list() {
        var items = new ArrayList<Expression>();
        while (!tokens.atOperator("]")) {
            items.add(expressions.expression());
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
            Expression key = expressions.expression();
            tokens.expectOperator(":");
            pairs.add(new Expression.Pair(key, expressions.expression()));
            if (!tokens.skipOperator(",")) {
                break;
            }
        }
        tokens.expectOperator("}");
        return new Expression.DictOf(pairs);
    }

    /** What follows a value without a blank: members, subscripts, calls. */
    Expression postfix(Expression value) {
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

    /** Filters and tests that follow a value. */
    Expression filtered(Expression value) {
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
            Expression key = expressions.expression();
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
        return tokens.atOperator(":") || tokens.atOperator("]") || tokens.atOperator(",")
                ? null
                : expressions.expression();
    }

    private Expression.Call call(Expression callee) {
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
                list = expressions.expression();
            } else if (tokens.skipOperator("**")) {
                ordered = dict == null;
                dict = expressions.expression();
            } else if (tokens.at(Token.Kind.NAME) && tokens.following().isOperator("=")) {
                ordered = dict == null;
                String name = tokens.next().text();
                tokens.next();
                named.add(new Expression.Keyword(name, expressions.expression()));
            } else {
                ordered = list == null && dict == null && named.isEmpty();
                positional.add(expressions.expression());
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
