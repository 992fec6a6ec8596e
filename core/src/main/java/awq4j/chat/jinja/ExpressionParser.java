package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses expressions, with the precedence that jinja2 gives operators. */
final class ExpressionParser {
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

    private final TokenStream tokens;
    private final OperandParser operands;

    ExpressionParser(TokenStream tokens) {
        this.tokens = tokens;
        this.operands = new OperandParser(tokens, this);
    }

    OperandParser operands() {
        return operands;
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

    Expression tuple(boolean conditional, @Nullable String end, boolean mayBeEmpty) {
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
            value = operands.primary();
        }
        value = operands.postfix(value);
        return filters ? operands.filtered(value) : value;
    }
}
