package awq4j.chat.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens. White space around tags goes here: a newline after a tag and blanks before one on its
 * line are dropped (trim_blocks, lstrip_blocks), {@code -} drops all, {@code +} keeps all; so is one newline at the end.
 */
final class Lexer {
    private static final Pattern NEWLINE = Pattern.compile("\r\n|\r");
    /** Digits and underscores in plain classes: groups that repeat would recurse, and exhaust the stack on long ones. */
    private static final Pattern FLOAT =
            Pattern.compile("\\d[\\d_]*(?:\\.\\d[\\d_]*)?[eE][+-]?\\d[\\d_]*|\\d[\\d_]*\\.\\d[\\d_]*");

    private static final Pattern INTEGER = Pattern.compile("0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|\\d[\\d_]*");
    private static final Pattern OPERATOR = Pattern.compile("\\*\\*|//|==|!=|>=|<=|[-+*/%~\\[\\](){}<>=.:|,;]");
    private static final Pattern RAW =
            Pattern.compile("\\{%([-+]?)\\s*raw\\s*(-%\\}\\s*|%\\})", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern END_RAW =
            Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%\\}|-%\\}\\s*|%\\}\n?)", Pattern.UNICODE_CHARACTER_CLASS);
    private static final String BRACKETS = "()[]{}";

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    /** Up to where lines are counted. */
    private int counted;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String template) {
        String source = NEWLINE.matcher(template).replaceAll("\n");
        var lexer = new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        while (at < source.length()) {
            int brace = nextTag();
            if (brace < 0) {
                data(source.length(), source.length(), ' ', false);
                at = source.length();
            } else {
                tag(brace);
            }
        }
        add(Token.Kind.END, "");
    }

    private int nextTag() {
        int brace = source.indexOf('{', at);
        while (brace >= 0 && brace + 1 < source.length()) {
            char next = source.charAt(brace + 1);
            if (next == '{' || next == '%' || next == '#') {
                return brace;
            }
            brace = source.indexOf('{', brace + 1);
        }
        return -1;
    }

    private void tag(int brace) {
        Matcher raw = RAW.matcher(source).region(brace, source.length());
        if (raw.lookingAt()) {
            data(brace, brace, sign(raw.group(1)), true);
            raw(raw.end());
            return;
        }
        char kind = source.charAt(brace + 1);
        char next = brace + 2 < source.length() ? source.charAt(brace + 2) : ' ';
        boolean signed = next == '-' || next == '+';
        data(brace, brace + 2, signed ? next : ' ', kind != '{');
        at = brace + (signed ? 3 : 2);
        switch (kind) {
            case '#' -> comment();
            case '%' -> {
                add(Token.Kind.BEGIN_TAG, "{%");
                code(true);
            }
            default -> {
                add(Token.Kind.BEGIN_OUTPUT, "{{");
                code(false);
            }
        }
    }

    private static char sign(String group) {
        return group.isEmpty() ? ' ' : group.charAt(0);
    }

    /** Adds the text from here to a tag, without the white space that the tag drops. */
    private void data(int end, int next, char sign, boolean statement) {
        String text = source.substring(at, end);
        if (sign == '-') {
            text = text.substring(0, stripped(text, 0));
        } else if (sign == ' ' && statement) {
            int lineStart = text.lastIndexOf('\n') + 1;
            boolean starts = lineStart > 0 || at == 0 || source.charAt(at - 1) == '\n';
            if (starts && stripped(text, lineStart) == lineStart) {
                text = text.substring(0, lineStart);
            }
        }
        if (!text.isEmpty()) {
            add(Token.Kind.DATA, text);
        }
        at = next;
    }

    /** End of the text without white space after {@code from}. */
    private static int stripped(String text, int from) {
        int end = text.length();
        while (end > from && CodePoints.isSpace(text.charAt(end - 1))) {
            end--;
        }
        return end;
    }

    private void raw(int begin) {
        at = begin;
        Matcher end = END_RAW.matcher(source);
        if (!end.find(begin)) {
            throw new TemplateException("{% raw %} has no {% endraw %}", lineAt(begin));
        }
        data(end.start(), end.end(), sign(end.group(1)), true);
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw new TemplateException("{# has no #}", lineAt(at));
        }
        char sign = end > at ? source.charAt(end - 1) : ' ';
        at = end + 2;
        skipAfter(sign, true);
    }

    /** Drops the white space after a tag that ended here. */
    private void skipAfter(char sign, boolean statement) {
        if (sign == '-') {
            while (at < source.length() && CodePoints.isSpace(source.charAt(at))) {
                at++;
            }
        } else if (statement && sign != '+' && at < source.length() && source.charAt(at) == '\n') {
            at++;
        }
    }

    /** The inside of a tag up to and with its end. */
    private void code(boolean statement) {
        String end = statement ? "%}" : "}}";
        Deque<Character> open = new ArrayDeque<>();
        while (at < source.length()) {
            char character = source.charAt(at);
            if (CodePoints.isSpace(character)) {
                at++;
                continue;
            }
            if (open.isEmpty()) {
                boolean signed = character == '-' || (statement && character == '+');
                int begin = signed ? at + 1 : at;
                if (source.startsWith(end, begin)) {
                    add(statement ? Token.Kind.END_TAG : Token.Kind.END_OUTPUT, end);
                    at = begin + 2;
                    skipAfter(signed ? character : ' ', statement);
                    return;
                }
            }
            token(open);
        }
    }

    private void token(Deque<Character> open) {
        int character = source.codePointAt(at);
        if (character == '\'' || character == '"') {
            string((char) character);
        } else if (character >= '0' && character <= '9') {
            boolean afterPoint = at > 0 && source.charAt(at - 1) == '.';
            if (afterPoint || !matched(FLOAT, Token.Kind.FLOAT)) {
                matched(INTEGER, Token.Kind.INTEGER);
            }
        } else if (isNamePart(character)) {
            name();
        } else if (matched(OPERATOR, Token.Kind.OPERATOR)) {
            balance(open, (char) character);
        } else {
            throw new TemplateException("unexpected character " + Repr.of(Character.toString(character)), lineAt(at));
        }
    }

    private boolean matched(Pattern pattern, Token.Kind kind) {
        Matcher matcher = pattern.matcher(source).region(at, source.length());
        if (!matcher.lookingAt()) {
            return false;
        }
        add(kind, matcher.group());
        at = matcher.end();
        return true;
    }

    private void balance(Deque<Character> open, char character) {
        int index = BRACKETS.indexOf(character);
        if (index < 0) {
            return;
        }
        if (index % 2 == 0) {
            open.push(BRACKETS.charAt(index + 1));
        } else if (open.isEmpty()) {
            throw new TemplateException("unexpected '" + character + "'", lineAt(at));
        } else {
            char expected = open.pop();
            if (expected != character) {
                throw new TemplateException("expected '" + expected + "', found '" + character + "'", lineAt(at));
            }
        }
    }

    private static boolean isNamePart(int character) {
        return character == '_'
                || (Character.isUnicodeIdentifierPart(character) && !Character.isIdentifierIgnorable(character));
    }

    private void name() {
        int begin = at;
        int end = begin;
        while (end < source.length() && isNamePart(source.codePointAt(end))) {
            end += Character.charCount(source.codePointAt(end));
        }
        int first = source.codePointAt(begin);
        if (first != '_' && !Character.isUnicodeIdentifierStart(first)) {
            throw new TemplateException("a name cannot begin with " + Repr.of(Character.toString(first)), lineAt(at));
        }
        add(Token.Kind.NAME, source.substring(begin, end));
        at = end;
    }

    private void string(char quote) {
        int end = at + 1;
        while (end < source.length() && source.charAt(end) != quote) {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        if (end >= source.length()) {
            throw new TemplateException("a string that begins with " + quote + " does not end", lineAt(at));
        }
        int begin = at;
        try {
            add(Token.Kind.STRING, StringEscapes.decode(source.substring(begin + 1, end)));
        } catch (TemplateException e) {
            throw e.at(lineAt(begin));
        }
        at = end + 1;
    }

    private void add(Token.Kind kind, String text) {
        tokens.add(new Token(kind, text, lineAt(Math.min(at, source.length()))));
    }

    private int lineAt(int position) {
        while (counted < position) {
            if (source.charAt(counted++) == '\n') {
                line++;
            }
        }
        return line;
    }
}
