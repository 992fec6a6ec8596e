package awq4j.chat.jinja;

import java.math.BigInteger;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;

/** Values as Python prints them: {@code str} at the top, {@code repr} within lists, tuples and dicts. */
final class Repr {
    private static final int BRIEF = 60;

    private final StringBuilder out = new StringBuilder();
    private final int most;

    private Repr(int most) {
        this.most = most;
    }

    /** Python's {@code str(value)}. */
    static String text(Object value) {
        return switch (value) {
            case String text -> text;
            case Markup markup -> markup.text();
            case Undefined undefined -> "";
            default -> of(value);
        };
    }

    /** Python's {@code repr(value)}. */
    static String of(Object value) {
        var repr = new Repr(Limits.DEFAULT.single());
        repr.write(value, 0);
        return repr.out.toString();
    }

    /** The beginning of the repr, for messages. */
    static String brief(Object value) {
        var repr = new Repr(BRIEF * BRIEF);
        Object shown = switch (value) {
            case String text -> text.length() > BRIEF ? text.substring(0, BRIEF) : text;
            case List<?> list -> list.size() > BRIEF ? list.subList(0, BRIEF) : list;
            default -> value;
        };
        try {
            repr.write(shown, Budget.DEEPEST_VALUE - 4);
        } catch (TemplateException tooMuch) {
            return "a value of type " + Types.name(value);
        }
        String text = repr.out.toString();
        return text.length() > BRIEF ? text.substring(0, BRIEF) + "..." : text;
    }

    /** Lower case whatever the machine's language. */
    static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private void write(Object value, int level) {
        if (out.length() > most) {
            throw new TemplateException("a printed value is longer than " + most + " characters");
        }
        switch (value) {
            case None none -> out.append("None");
            case Boolean flag -> out.append(flag ? "True" : "False");
            case Long number -> out.append((long) number);
            case BigInteger number -> out.append(number);
            case Double number -> out.append(FloatText.repr(number));
            case String text -> quote(text);
            case Markup markup -> {
                out.append("Markup(");
                quote(markup.text());
                out.append(')');
            }
            case Undefined undefined -> out.append("Undefined");
            case List<?> list -> items("[", list.iterator(), "]", Budget.deeper(level));
            case Tuple tuple ->
                items("(", tuple.items().iterator(), tuple.items().size() == 1 ? ",)" : ")", Budget.deeper(level));
            case Dict dict -> dict(dict, Budget.deeper(level));
            case DictView view -> {
                out.append(Types.name(view)).append('(');
                items("[", view.iterator(), "])", Budget.deeper(level));
            }
            case Range range -> range(range);
            case Namespace namespace -> {
                out.append("<Namespace ");
                dict(namespace.attributes(), Budget.deeper(level));
                out.append('>');
            }
            case LoopState loop ->
                out.append("<LoopContext ")
                        .append(loop.index())
                        .append('/')
                        .append(loop.length())
                        .append('>');
            case Macro macro -> {
                out.append("<Macro ");
                if (macro.name().isEmpty()) {
                    out.append("anonymous");
                } else {
                    quote(macro.name());
                }
                out.append('>');
            }
            default -> out.append('<').append(Types.name(value)).append('>');
        }
    }

    private void items(String begin, Iterator<?> items, String end, int level) {
        out.append(begin);
        for (boolean first = true; items.hasNext(); first = false) {
            if (!first) {
                out.append(", ");
            }
            write(items.next(), level);
        }
        out.append(end);
    }

    private void dict(Dict dict, int level) {
        out.append('{');
        boolean first = true;
        for (Dict.Entry entry : dict.entries()) {
            if (!first) {
                out.append(", ");
            }
            first = false;
            write(entry.key(), level);
            out.append(": ");
            write(entry.value(), level);
        }
        out.append('}');
    }

    private void range(Range range) {
        out.append("range(").append(range.start()).append(", ").append(range.stop());
        if (range.step() != 1) {
            out.append(", ").append(range.step());
        }
        out.append(')');
    }

    private void quote(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        out.append(quote);
        for (int i = 0; i < text.length(); ) {
            int character = text.codePointAt(i);
            i += Character.charCount(character);
            switch (character) {
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (character == quote) {
                        out.append('\\').append(quote);
                    } else if (printable(character)) {
                        out.appendCodePoint(character);
                    } else {
                        out.append(escape(character));
                    }
                }
            }
        }
        out.append(quote);
    }

    private static String escape(int character) {
        String digits = Integer.toHexString(character);
        int width = character < 0x100 ? 2 : character < 0x10000 ? 4 : 8;
        return (width == 2 ? "\\x" : width == 4 ? "\\u" : "\\U") + "0".repeat(width - digits.length()) + digits;
    }

    /** Python's {@code str.isprintable} for one character. */
    static boolean printable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            case Character.SPACE_SEPARATOR -> character == ' ';
            default -> true;
        };
    }
}
