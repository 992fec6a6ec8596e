package awq4j.chat.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a template does, in order. */
sealed interface Statement {
    int line();

    record Text(String text, int line) implements Statement {}

    record Output(List<Expression> values, int line) implements Statement {}

    record If(List<Branch> branches, List<Statement> otherwise, int line) implements Statement {}

    record Branch(Expression test, List<Statement> body) {}

    record For(
            Target target,
            Expression items,
            @Nullable Expression test,
            boolean recursive,
            List<Statement> body,
            List<Statement> otherwise,
            int line)
            implements Statement {}

    record Set(Target target, Expression value, int line) implements Statement {}

    record SetBlock(Target target, Expression.@Nullable Filter filter, List<Statement> body, int line)
            implements Statement {}

    record With(List<Target> targets, List<Expression> values, List<Statement> body, int line) implements Statement {}

    record FilterBlock(Expression.Filter filter, List<Statement> body, int line) implements Statement {}

    record Define(MacroDefinition macro, int line) implements Statement {}

    record CallBlock(Expression.Call call, MacroDefinition caller, int line) implements Statement {}

    /** A part of the template with a scope of its own: {@code block} and {@code generation}. */
    record Scoped(List<Statement> body, boolean sees, int line) implements Statement {}

    record Break(int line) implements Statement {}

    record Continue(int line) implements Statement {}

    /**
     * A macro, or the body of a call block.
     *
     * @param name empty for the body of a call block
     * @param used which of {@code caller}, {@code varargs} and {@code kwargs} the body mentions
     */
    record MacroDefinition(String name, List<Parameter> parameters, List<Statement> body, java.util.Set<String> used) {}

    record Parameter(String name, @Nullable Expression otherwise) {}

    /** Where a value goes. */
    sealed interface Target {}

    record NameTarget(String name) implements Target {}

    record MemberTarget(String namespace, String attribute) implements Target {}

    record TupleTarget(List<Target> items) implements Target {}
}
