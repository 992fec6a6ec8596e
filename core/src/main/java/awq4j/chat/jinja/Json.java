package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** JSON as Python's {@code json.dumps} spaces it. */
final class Json {
    private final boolean ascii;
    private final @Nullable String indent;
    private final String comma;
    private final String colon;
    private final boolean sorted;
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();

    /** @param indent what each level is indented by; null for one line */
    Json(boolean ascii, @Nullable String indent, String comma, String colon, boolean sorted, Budget budget) {
        this.ascii = ascii;
        this.indent = indent;
        this.comma = comma;
        this.colon = colon;
        this.sorted = sorted;
        this.budget = budget;
    }

    /** The filter {@code tojson}, with the parameters that Hugging Face's has. */
    static String filter(Object value, Arguments arguments, Budget budget) {
        Bound given = arguments.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        String indent = null;
        if (given.given(1)) {
            indent = Types.isText(given.value(1))
                    ? given.text(1)
                    : " ".repeat(budget.making(Math.max(0, given.integer(1))));
        }
        String comma = indent == null ? ", " : ",";
        String colon = ": ";
        if (given.given(2)) {
            List<Object> separators = Types.list(given.value(2), budget);
            if (separators.size() != 2 || !Types.isText(separators.get(0)) || !Types.isText(separators.get(1))) {
                throw given.wrong(2, "two strings");
            }
            comma = Repr.text(separators.get(0));
            colon = Repr.text(separators.get(1));
        }
        return new Json(given.truth(0), indent, comma, colon, given.truth(3), budget).write(value);
    }

    String write(Object value) {
        write(value, 0);
        return budget.made(out.toString());
    }

    private void write(Object value, int level) {
        budget.step();
        budget.output(out.length());
        switch (value) {
            case None none -> out.append("null");
            case Boolean flag -> out.append((boolean) flag);
            case Double number -> out.append(number(number));
            case String text -> quote(text);
            case Markup markup -> quote(markup.text());
            case List<?> list -> list(list, Budget.deeper(level));
            case Tuple tuple -> list(tuple.items(), Budget.deeper(level));
            case Dict dict -> dict(dict, Budget.deeper(level));
            default -> {
                if (!Numbers.isInteger(value)) {
                    throw new TemplateException("tojson does not take " + Types.describe(value));
                }
                out.append(value);
            }
        }
    }

    private static String number(double number) {
        return Double.isNaN(number)
                ? "NaN"
                : Double.isInfinite(number) ? (number > 0 ? "Infinity" : "-Infinity") : FloatText.repr(number);
    }

    private void list(List<?> list, int level) {
        if (list.isEmpty()) {
            out.append("[]");
            return;
        }
        out.append('[');
        for (Iterator<?> items = list.iterator(); items.hasNext(); ) {
            line(level);
            write(items.next(), level);
            out.append(items.hasNext() ? comma : "");
        }
        line(level - 1);
        out.append(']');
    }

    private void dict(Dict dict, int level) {
        if (dict.size() == 0) {
            out.append("{}");
            return;
        }
        out.append('{');
        var entries = new ArrayList<Dict.Entry>();
        dict.entries().forEach(entries::add);
        if (sorted) {
            new Sorting(budget).sort(entries, Dict.Entry::key, false);
        }
        for (Iterator<Dict.Entry> iterator = entries.iterator(); iterator.hasNext(); ) {
            Dict.Entry entry = iterator.next();
            line(level);
            quote(key(entry.key()));
            out.append(colon);
            write(entry.value(), level);
            out.append(iterator.hasNext() ? comma : "");
        }
        line(level - 1);
        out.append('}');
    }

    private static String key(Object key) {
        return switch (key) {
            case None none -> "null";
            case Boolean flag -> flag.toString();
            case Double number -> number(number);
            default -> {
                if (!Types.isText(key) && !Numbers.isInteger(key)) {
                    throw new TemplateException("tojson does not take a key of type " + Types.name(key));
                }
                yield Repr.text(key);
            }
        };
    }

    private void line(int level) {
        if (indent != null) {
            out.append('\n').append(indent.repeat(level));
        }
    }

    private void quote(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            switch (character) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\f' -> out.append("\\f");
                case '\b' -> out.append("\\b");
                default -> {
                    if (character < ' ' || (ascii && character > 0x7e)) {
                        out.append(String.format(Locale.ROOT, "\\u%04x", (int) character));
                    } else {
                        out.append(character);
                    }
                }
            }
        }
        out.append('"');
    }

    /** Python's {@code ascii()}: what is not ASCII is escaped. */
    static String ascii(String repr) {
        var out = new StringBuilder();
        repr.codePoints().forEach(character -> {
            if (character < 0x80) {
                out.appendCodePoint(character);
            } else if (character < 0x100) {
                out.append(String.format(Locale.ROOT, "\\x%02x", character));
            } else if (character < 0x10000) {
                out.append(String.format(Locale.ROOT, "\\u%04x", character));
            } else {
                out.append(String.format(Locale.ROOT, "\\U%08x", character));
            }
        });
        return out.toString();
    }
}
