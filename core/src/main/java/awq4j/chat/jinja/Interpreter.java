package awq4j.chat.jinja;

import awq4j.chat.jinja.Statement.Target;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Carries out statements and collects what they print. */
final class Interpreter {
    private final Budget budget;
    private final Evaluator evaluator;
    private final Scope top;
    private StringBuilder out = new StringBuilder();

    Interpreter(Rendering rendering, Scope top) {
        this.budget = rendering.budget();
        this.evaluator = new Evaluator(rendering);
        this.top = top;
    }

    /** How a row of statements ended. */
    private enum End {
        REACHED,
        BREAK,
        CONTINUE
    }

    String run(List<Statement> template) {
        try {
            execute(template, top);
            return out.toString();
        } catch (TemplateException e) {
            throw e.at(evaluator.line());
        }
    }

    Object evaluate(Expression expression, Scope scope) {
        return evaluator.evaluate(expression, scope);
    }

    /** Carries out the body of a macro and returns what it printed. */
    String call(List<Statement> body, Scope scope) {
        budget.enter();
        String printed = capture(body, scope);
        budget.leave();
        return printed;
    }

    private String capture(List<Statement> body, Scope scope) {
        StringBuilder outer = out;
        out = new StringBuilder();
        execute(body, scope);
        String printed = budget.made(out.toString());
        out = outer;
        return printed;
    }

    private End execute(List<Statement> body, Scope scope) {
        for (Statement statement : body) {
            budget.step();
            evaluator.at(statement.line());
            End end = execute(statement, scope);
            if (end != End.REACHED) {
                return end;
            }
        }
        return End.REACHED;
    }

    private End execute(Statement statement, Scope scope) {
        switch (statement) {
            case Statement.Text text -> print(text.text());
            case Statement.Output output -> {
                for (Expression value : output.values()) {
                    print(Repr.text(evaluate(value, scope)));
                }
            }
            case Statement.If choice -> {
                return choose(choice, scope);
            }
            case Statement.For loop -> {
                return loop(loop, scope);
            }
            case Statement.Set set -> assign(set.target(), evaluate(set.value(), scope), scope);
            case Statement.SetBlock set -> {
                return setBlock(set, scope);
            }
            case Statement.With with -> {
                var inner = new Scope(scope);
                for (int i = 0; i < with.targets().size(); i++) {
                    assign(with.targets().get(i), evaluate(with.values().get(i), scope), inner);
                }
                return execute(with.body(), inner);
            }
            case Statement.FilterBlock block -> {
                return filterBlock(block, scope);
            }
            case Statement.Define define -> scope.put(define.macro().name(), new Macro(define.macro(), scope, this));
            case Statement.CallBlock block -> {
                Object caller = new Macro(block.caller(), scope, this);
                print(Repr.text(evaluator.call(block.call(), scope, Map.of("caller", caller))));
            }
            case Statement.Scoped scoped -> execute(scoped.body(), new Scope(scoped.sees() ? scope : top));
            case Statement.Break ignored -> {
                return End.BREAK;
            }
            case Statement.Continue ignored -> {
                return End.CONTINUE;
            }
        }
        return End.REACHED;
    }

    private void print(String text) {
        budget.output((long) out.length() + text.length());
        out.append(text);
    }

    private End choose(Statement.If choice, Scope scope) {
        for (Statement.Branch branch : choice.branches()) {
            if (evaluator.truth(branch.test(), scope)) {
                return execute(branch.body(), scope);
            }
        }
        return execute(choice.otherwise(), scope);
    }

    private End setBlock(Statement.SetBlock set, Scope scope) {
        StringBuilder outer = out;
        out = new StringBuilder();
        End end = execute(set.body(), new Scope(scope));
        String printed = budget.made(out.toString());
        out = outer;
        if (end == End.REACHED) {
            Object value = set.filter() == null ? printed : evaluator.filter(set.filter(), scope, printed);
            assign(set.target(), value, scope);
        }
        return end;
    }

    private End filterBlock(Statement.FilterBlock block, Scope scope) {
        StringBuilder outer = out;
        out = new StringBuilder();
        var inner = new Scope(scope);
        End end = execute(block.body(), inner);
        String printed = budget.made(out.toString());
        out = outer;
        if (end == End.REACHED) {
            print(Repr.text(evaluator.filter(block.filter(), inner, printed)));
        }
        return end;
    }

    private End loop(Statement.For loop, Scope scope) {
        Object items = evaluate(loop.items(), scope);
        if (!loop.recursive()) {
            return iterate(loop, scope, items, null, 0);
        }
        print(recurse(loop, scope, items, 0));
        return End.REACHED;
    }

    private String recurse(Statement.For loop, Scope scope, Object items, int depth) {
        budget.enter();
        StringBuilder outer = out;
        out = new StringBuilder();
        Invocable recursion = arguments ->
                recurse(loop, scope, arguments.positionalOnly("loop", 1, 1).value(0), depth + 1);
        iterate(loop, scope, items, recursion, depth);
        String printed = budget.made(out.toString());
        out = outer;
        budget.leave();
        return printed;
    }

    /** Goes through the elements; tells how {@code else} ended, which may leave a loop around this one. */
    private End iterate(Statement.For loop, Scope scope, Object items, @Nullable Invocable recursion, int depth) {
        Iterator<Object> iterator = Types.iterator(items);
        OptionalInt length = Types.length(items);
        if (loop.test() != null) {
            iterator = filtered(loop.target(), loop.test(), scope, iterator);
            length = OptionalInt.empty();
        }
        var state = new LoopState(iterator, length, recursion, depth);
        boolean through = false;
        for (Object item = state.advance(); item != null; item = state.advance()) {
            budget.step();
            var inner = new Scope(scope);
            inner.put("loop", state);
            assign(loop.target(), item, inner);
            End end = execute(loop.body(), inner);
            // In jinja2 an iteration that 'continue' or 'break' ends does not count: 'else' may still follow.
            through |= end == End.REACHED;
            if (end == End.BREAK) {
                break;
            }
        }
        return through ? End.REACHED : execute(loop.otherwise(), new Scope(scope));
    }

    private Iterator<Object> filtered(Target target, Expression test, Scope scope, Iterator<Object> items) {
        return new Once.Searching() {
            @Override
            @Nullable
            Object search() {
                while (items.hasNext()) {
                    budget.step();
                    Object item = items.next();
                    var inner = new Scope(scope);
                    assign(target, item, inner);
                    if (evaluator.truth(test, inner)) {
                        return item;
                    }
                }
                return null;
            }
        };
    }

    private void assign(Target target, Object value, Scope scope) {
        switch (target) {
            case Statement.NameTarget name -> scope.put(name.name(), value);
            case Statement.MemberTarget member -> {
                if (!(scope.get(member.namespace()) instanceof Namespace namespace)) {
                    throw new TemplateException(
                            "'" + member.namespace() + "' should be a namespace to have attributes set");
                }
                namespace.attributes().put(member.attribute(), value);
            }
            case Statement.TupleTarget tuple -> {
                List<Object> items = Types.list(value, budget);
                if (items.size() != tuple.items().size()) {
                    throw new TemplateException(
                            "expected " + tuple.items().size() + " values to unpack, found " + items.size());
                }
                for (int i = 0; i < items.size(); i++) {
                    assign(tuple.items().get(i), items.get(i), scope);
                }
            }
        }
    }
}
