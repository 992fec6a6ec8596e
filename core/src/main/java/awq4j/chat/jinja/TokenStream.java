package awq4j.chat.jinja;

import java.util.List;

/** Tokens one after the other, with one token of foresight. */
final class TokenStream {
    /** Nested brackets, operators in a row and statements within statements: more would exhaust the stack. */
    private static final int DEEPEST = 200;

    private static final int LONGEST_CHAIN = 1000;

    private final List<Token> tokens;
    private int at;
    private int depth;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token current() {
        return tokens.get(at);
    }

    Token following() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    int line() {
        return current().line();
    }

    Token next() {
        Token token = current();
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    boolean at(Token.Kind kind) {
        return current().is(kind);
    }

    boolean atName(String name) {
        return current().isName(name);
    }

    boolean atOperator(String sign) {
        return current().isOperator(sign);
    }

    boolean skipName(String name) {
        boolean found = atName(name);
        if (found) {
            next();
        }
        return found;
    }

    boolean skipOperator(String sign) {
        boolean found = atOperator(sign);
        if (found) {
            next();
        }
        return found;
    }

    Token expect(Token.Kind kind) {
        if (!at(kind)) {
            throw expected(kind.description());
        }
        return next();
    }

    void expectName(String name) {
        if (!skipName(name)) {
            throw expected("'" + name + "'");
        }
    }

    void expectOperator(String sign) {
        if (!skipOperator(sign)) {
            throw expected("'" + sign + "'");
        }
    }

    TemplateException expected(String what) {
        return fail("expected " + what + ", found " + current().description());
    }

    TemplateException fail(String reason) {
        return new TemplateException(reason, line());
    }

    /** Goes a level deeper; {@link #leave} ends it. */
    void enter() {
        if (++depth > DEEPEST) {
            throw fail("is nested deeper than " + DEEPEST);
        }
    }

    void leave() {
        depth--;
    }

    /** Checks the length of a row of operators, each of which makes the tree one level deeper. */
    int chained(int length) {
        if (length >= LONGEST_CHAIN) {
            throw fail("has more than " + LONGEST_CHAIN + " operators in a row");
        }
        return length + 1;
    }
}
