package awq4j.chat.jinja;

import java.time.LocalDateTime;

/** What everything that computes within one rendering shares. */
final class Rendering {
    private final Budget budget;
    private final LocalDateTime now;
    private final Arithmetic arithmetic;
    private final Comparison comparison;
    private final Members members;

    Rendering(Budget budget, LocalDateTime now) {
        this.budget = budget;
        this.now = now;
        this.arithmetic = new Arithmetic(budget);
        this.comparison = new Comparison(budget);
        this.members = new Members(this);
    }

    Budget budget() {
        return budget;
    }

    LocalDateTime now() {
        return now;
    }

    Arithmetic arithmetic() {
        return arithmetic;
    }

    Comparison comparison() {
        return comparison;
    }

    Members members() {
        return members;
    }

    /** {@code str(value)}, counted. */
    String text(Object value) {
        return value instanceof String text ? text : budget.made(Repr.text(value));
    }

    private void scan(Object value) {
        budget.scan(Types.isText(value) ? Repr.text(value).length() : 0);
    }

    Object call(Object callee, Arguments arguments) {
        budget.step();
        return switch (callee) {
            case Invocable function -> function.call(arguments);
            case Undefined undefined -> throw undefined.refusal();
            default -> throw new TemplateException(Types.describe(callee) + " cannot be called");
        };
    }

    Object filter(String name, Object input, Arguments arguments) {
        scan(input);
        Filters.Filter filter = Filters.named(name);
        if (filter == null) {
            throw new TemplateException("there is no filter '" + name + "'");
        }
        return filter.apply(this, input, arguments);
    }

    boolean test(String name, Object subject, Arguments arguments) {
        scan(subject);
        Tests.Test test = Tests.named(name);
        if (test == null) {
            throw new TemplateException("there is no test '" + name + "'");
        }
        return test.holds(this, subject, arguments);
    }
}
