package awq4j.chat.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What has a value. */
sealed interface Expression {
    record Literal(Object value) implements Expression {}

    record Name(String name) implements Expression {}

    record ListOf(List<Expression> items) implements Expression {}

    record TupleOf(List<Expression> items) implements Expression {}

    record DictOf(List<Pair> pairs) implements Expression {}

    record Pair(Expression key, Expression value) {}

    record Attribute(Expression of, String name) implements Expression {}

    record Item(Expression of, Expression key) implements Expression {}

    record Slice(
            Expression of,
            @Nullable Expression start,
            @Nullable Expression stop,
            @Nullable Expression step) implements Expression {}

    record Call(Expression callee, CallArguments arguments, int line) implements Expression {}

    /** A filter; without input in filter blocks and after {@code set}, where the text of the block is its input. */
    record Filter(@Nullable Expression input, String name, CallArguments arguments, int line) implements Expression {}

    record Test(Expression subject, String name, CallArguments arguments, int line) implements Expression {}

    record Not(Expression operand) implements Expression {}

    record Negate(Expression operand) implements Expression {}

    record Plus(Expression operand) implements Expression {}

    record Binary(BinaryOperator operator, Expression left, Expression right, int line) implements Expression {}

    record And(Expression left, Expression right) implements Expression {}

    record Or(Expression left, Expression right) implements Expression {}

    record Concat(List<Expression> parts) implements Expression {}

    record Compare(Expression first, List<Operand> rest) implements Expression {}

    record Operand(String operator, Expression value) {}

    record Conditional(
            Expression test, Expression then, @Nullable Expression otherwise) implements Expression {}

    /** What stands between the parentheses of a call. */
    record CallArguments(
            List<Expression> positional,
            List<Keyword> named,
            @Nullable Expression list,
            @Nullable Expression dict) {
        static final CallArguments NONE = new CallArguments(List.of(), List.of(), null, null);
    }

    record Keyword(String name, Expression value) {}
}
