package awq4j.chat.jinja;

import awq4j.chat.jinja.Statement.MacroDefinition;
import awq4j.chat.jinja.Statement.Target;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses a template's statements. */
final class StatementParser {
    private static final Set<String> CONSTANTS = Set.of("true", "True", "false", "False", "none", "None");

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private final Set<String> blocks = new HashSet<>();
    /** Loops around this place within the same macro. */
    private int loops;

    private StatementParser(TokenStream tokens) {
        this.tokens = tokens;
        this.expressions = new ExpressionParser(tokens);
    }

    static List<Statement> parse(String template) {
        var parser = new StatementParser(new TokenStream(Lexer.tokens(template)));
        return parser.body(List.of(), "");
    }

    /** Statements up to one of the tags, which is not consumed; at the top, up to the end. */
    private List<Statement> body(List<String> ends, String opener) {
        tokens.enter();
        int line = tokens.line();
        var body = new ArrayList<Statement>();
        while (!tokens.at(Token.Kind.END)) {
            Token token = tokens.next();
            switch (token.kind()) {
                case DATA -> body.add(new Statement.Text(token.text(), token.line()));
                case BEGIN_OUTPUT -> {
                    Expression value = expressions.tuple(true, null);
                    tokens.expect(Token.Kind.END_OUTPUT);
                    body.add(new Statement.Output(List.of(value), token.line()));
                }
                default -> {
                    if (tokens.at(Token.Kind.NAME)
                            && ends.contains(tokens.current().text())) {
                        tokens.leave();
                        return body;
                    }
                    body.add(statement(ends));
                    tokens.expect(Token.Kind.END_TAG);
                }
            }
        }
        if (!ends.isEmpty()) {
            throw new TemplateException(
                    "{% " + opener + " %} is not closed: expected {% " + ends.getLast() + " %} before the end", line);
        }
        tokens.leave();
        return body;
    }

    /** The body of a tag, from the end of the tag to the end of the closing one. */
    private List<Statement> closed(String opener, String end) {
        List<Statement> body = opened(opener, List.of(end));
        tokens.next();
        return body;
    }

    private List<Statement> opened(String opener, List<String> ends) {
        tokens.skipOperator(":");
        tokens.expect(Token.Kind.END_TAG);
        return body(ends, opener);
    }

    private Statement statement(List<String> ends) {
        Token tag = tokens.expect(Token.Kind.NAME);
        int line = tag.line();
        return switch (tag.text()) {
            case "if" -> conditional(line);
            case "for" -> loop(line);
            case "set" -> assignment(line);
            case "with" -> with(line);
            case "macro" -> {
                String name = nameToStore();
                List<Statement.Parameter> parameters = parameters();
                yield new Statement.Define(macro(name, parameters, "macro", "endmacro"), line);
            }
            case "call" -> callBlock(line);
            case "filter" -> {
                Expression.Filter filter = filters(expressions.operands().filter(null));
                yield new Statement.FilterBlock(filter, closed("filter", "endfilter"), line);
            }
            case "print" -> print(line);
            case "block" -> block(line);
            case "generation" -> new Statement.Scoped(outsideLoops("generation", "endgeneration"), true, line);
            case "break" -> {
                checkLoop(tag);
                yield new Statement.Break(line);
            }
            case "continue" -> {
                checkLoop(tag);
                yield new Statement.Continue(line);
            }
            case "include", "import", "from", "extends", "autoescape" ->
                throw new TemplateException(
                        "{% " + tag.text() + " %} is not supported: a chat template stands alone", line);
            default ->
                throw new TemplateException(
                        "unknown tag '" + tag.text() + "'"
                                + (ends.isEmpty()
                                        ? ""
                                        : "; expected a statement, or {% " + String.join(" or ", ends) + " %}"),
                        line);
        };
    }

    private void checkLoop(Token tag) {
        if (loops == 0) {
            throw new TemplateException("{% " + tag.text() + " %} stands outside a loop", tag.line());
        }
    }

    /** A body that becomes a function: the loops around it are out of its reach. */
    private List<Statement> outsideLoops(String opener, String end) {
        int around = loops;
        loops = 0;
        List<Statement> body = closed(opener, end);
        loops = around;
        return body;
    }

    private Statement conditional(int line) {
        var branches = new ArrayList<Statement.Branch>();
        List<Statement> otherwise = List.of();
        while (true) {
            Expression test = expressions.tuple(false, null);
            branches.add(new Statement.Branch(test, opened("if", List.of("elif", "else", "endif"))));
            Token end = tokens.next();
            if (end.isName("elif")) {
                continue;
            }
            if (end.isName("else")) {
                otherwise = closed("else", "endif");
            }
            return new Statement.If(branches, otherwise, line);
        }
    }

    private Statement loop(int line) {
        Target target = target("in", false);
        checkNotLoop(target);
        tokens.expectName("in");
        Expression items = expressions.tuple(false, "recursive");
        Expression test = tokens.skipName("if") ? expressions.expression() : null;
        boolean recursive = tokens.skipName("recursive");
        loops++;
        List<Statement> body = opened("for", List.of("else", "endfor"));
        loops--;
        List<Statement> otherwise = List.of();
        if (tokens.next().isName("else")) {
            otherwise = recursive ? outsideLoops("else", "endfor") : closed("else", "endfor");
        }
        return new Statement.For(target, items, test, recursive, body, otherwise, line);
    }

    private void checkNotLoop(Target target) {
        switch (target) {
            case Statement.NameTarget name -> {
                if (name.name().equals("loop")) {
                    throw tokens.fail("'loop' cannot be the variable of a loop");
                }
            }
            case Statement.TupleTarget tuple -> tuple.items().forEach(this::checkNotLoop);
            case Statement.MemberTarget member -> {}
        }
    }

    private Statement assignment(int line) {
        Target target = target(null, true);
        if (tokens.skipOperator("=")) {
            return new Statement.Set(target, expressions.tuple(true, null), line);
        }
        Expression.Filter filter =
                tokens.skipOperator("|") ? filters(expressions.operands().filter(null)) : null;
        return new Statement.SetBlock(target, filter, closed("set", "endset"), line);
    }

    /** The filters that follow a filter without input. */
    private Expression.Filter filters(Expression.Filter first) {
        Expression.Filter filter = first;
        for (int length = 0; tokens.skipOperator("|"); length = tokens.chained(length)) {
            filter = expressions.operands().filter(filter);
        }
        return filter;
    }

    private Statement with(int line) {
        var targets = new ArrayList<Target>();
        var values = new ArrayList<Expression>();
        while (!tokens.at(Token.Kind.END_TAG)) {
            if (!targets.isEmpty()) {
                tokens.expectOperator(",");
            }
            targets.add(target(null, false));
            tokens.expectOperator("=");
            values.add(expressions.expression());
        }
        return new Statement.With(targets, values, closed("with", "endwith"), line);
    }

    private MacroDefinition macro(String name, List<Statement.Parameter> parameters, String opener, String end) {
        expressions.operands().enterMacro();
        List<Statement> body = outsideLoops(opener, end);
        Set<String> used = expressions.operands().leaveMacro();
        if (used.contains("caller") && parameters.contains(new Statement.Parameter("caller", null))) {
            throw tokens.fail("parameter 'caller' should have a default value");
        }
        return new MacroDefinition(name, parameters, body, used);
    }

    private List<Statement.Parameter> parameters() {
        tokens.expectOperator("(");
        var parameters = new ArrayList<Statement.Parameter>();
        var names = new HashSet<String>();
        boolean optional = false;
        while (!tokens.atOperator(")")) {
            if (!parameters.isEmpty()) {
                tokens.expectOperator(",");
            }
            String name = nameToStore();
            Expression otherwise = tokens.skipOperator("=") ? expressions.expression() : null;
            if (otherwise == null && optional) {
                throw tokens.fail("parameter '" + name + "' should have a default value");
            }
            if (!names.add(name)) {
                throw tokens.fail("parameter '" + name + "' is there twice");
            }
            optional = otherwise != null;
            parameters.add(new Statement.Parameter(name, otherwise));
        }
        tokens.expectOperator(")");
        return parameters;
    }

    private Statement callBlock(int line) {
        List<Statement.Parameter> parameters = tokens.atOperator("(") ? parameters() : List.of();
        Expression call = expressions.expression();
        if (!(call instanceof Expression.Call callee)) {
            throw tokens.fail("{% call %} expects the call of a macro");
        }
        return new Statement.CallBlock(callee, macro("", parameters, "call", "endcall"), line);
    }

    private Statement print(int line) {
        var values = new ArrayList<Expression>();
        while (!tokens.at(Token.Kind.END_TAG)) {
            if (!values.isEmpty()) {
                tokens.expectOperator(",");
            }
            values.add(expressions.expression());
        }
        return new Statement.Output(values, line);
    }

    private Statement block(int line) {
        String name = tokens.expect(Token.Kind.NAME).text();
        if (!blocks.add(name)) {
            throw tokens.fail("block '" + name + "' is there twice");
        }
        boolean scoped = tokens.skipName("scoped");
        if (tokens.skipName("required")) {
            throw tokens.fail("block '" + name + "' is required: it would have to come from another template");
        }
        List<Statement> body = outsideLoops("block", "endblock");
        tokens.skipName(name);
        return new Statement.Scoped(body, scoped, line);
    }

    private Target target(@Nullable String end, boolean members) {
        var items = new ArrayList<Target>();
        boolean comma = false;
        while (!atTargetEnd(end)) {
            items.add(singleTarget(members));
            if (!tokens.skipOperator(",")) {
                break;
            }
            comma = true;
        }
        if (items.isEmpty()) {
            throw tokens.expected("a name to assign to");
        }
        return comma ? new Statement.TupleTarget(items) : items.getFirst();
    }

    private boolean atTargetEnd(@Nullable String end) {
        return tokens.at(Token.Kind.END_TAG) || tokens.atOperator(")") || (end != null && tokens.atName(end));
    }

    private Target singleTarget(boolean members) {
        if (tokens.skipOperator("(")) {
            tokens.enter();
            Target inner = tokens.atOperator(")") ? new Statement.TupleTarget(List.of()) : target(null, false);
            tokens.leave();
            tokens.expectOperator(")");
            return inner;
        }
        if (members && tokens.at(Token.Kind.NAME) && tokens.following().isOperator(".")) {
            String namespace = tokens.next().text();
            tokens.next();
            return new Statement.MemberTarget(
                    namespace, tokens.expect(Token.Kind.NAME).text());
        }
        return new Statement.NameTarget(nameToStore());
    }

    private String nameToStore() {
        Token token = tokens.expect(Token.Kind.NAME);
        if (CONSTANTS.contains(token.text())) {
            throw new TemplateException("'" + token.text() + "' cannot be assigned to", token.line());
        }
        return token.text();
    }
}
