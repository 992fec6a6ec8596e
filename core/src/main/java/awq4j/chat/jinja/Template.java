package awq4j.chat.jinja;

import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;

/** A parsed template. Immutable; any number of threads may render it. */
public final class Template {
    private static final int LONGEST = 4 << 20;

    private final List<Statement> statements;

    private Template(List<Statement> statements) {
        this.statements = statements;
    }

    /**
     * Parses a template.
     *
     * @throws TemplateException if it is not one; the message has the line and what was expected
     */
    public static Template parse(String source) {
        if (source.length() > LONGEST) {
            throw new TemplateException("a template has " + source.length() + " characters, more than " + LONGEST);
        }
        try {
            return new Template(StatementParser.parse(source));
        } catch (StackOverflowError e) {
            throw new TemplateException("is nested too deeply");
        }
    }

    /**
     * Renders it.
     *
     * @param variables by name; values as {@link tools.jackson.databind.JsonNode} or as Java's null, strings, booleans,
     *     numbers, maps and lists of these; not modified
     * @param now what {@code strftime_now} tells
     * @throws TemplateException if the template raises it, does what its values do not allow, or goes beyond a limit
     * @throws IllegalArgumentException if a variable is of another class
     */
    public String render(Map<String, ?> variables, Limits limits, LocalDateTime now) {
        var rendering = new Rendering(new Budget(limits), now);
        var scope = new Scope(Globals.scope(rendering));
        variables.forEach((name, value) -> scope.put(name, Types.value(value)));
        try {
            return new Interpreter(rendering, new Scope(scope)).run(statements);
        } catch (StackOverflowError e) {
            // The limits on depth come first on any usual stack; a caller's own may be nearly used up.
            throw new TemplateException("values or calls are nested too deeply");
        }
    }
}
