package awq4j.chat.jinja;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Filters that make strings. */
final class TextFilters {
    static final Map<String, Filters.Filter> ALL = new HashMap<>();

    private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern WORD_BEGIN = Pattern.compile("[-\\s({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern ATTRIBUTE_BREAK = Pattern.compile("[\\s/>=]");
    private static final Pattern COMMENT = Pattern.compile("<!--.*?-->", Pattern.DOTALL);
    private static final Pattern TAG = Pattern.compile("<.*?>", Pattern.DOTALL);
    private static final String UNRESERVED = "-._~";

    static {
        for (String method : new String[] {"upper", "lower", "capitalize"}) {
            ALL.put(method, (rendering, input, arguments) -> {
                arguments.bind(method, 0);
                return method(rendering, input, method, Arguments.NONE);
            });
        }
        ALL.put("title", TextFilters::title);
        ALL.put(
                "trim",
                (rendering, input, arguments) -> method(
                        rendering,
                        input,
                        "strip",
                        Arguments.of(arguments.bind("trim", 0, "chars").value(0, None.NONE))));
        ALL.put(
                "center",
                (rendering, input, arguments) -> method(rendering, input, "center", Arguments.of((long)
                        arguments.bind("center", 0, "width").integer(0, 80))));
        ALL.put("string", (rendering, input, arguments) -> {
            arguments.bind("string", 0);
            return soft(rendering, input);
        });
        ALL.put("replace", TextFilters::replace);
        ALL.put("indent", TextFilters::indent);
        ALL.put("truncate", TextFilters::truncate);
        ALL.put("wordcount", (rendering, input, arguments) -> {
            arguments.bind("wordcount", 0);
            return WORD.matcher(rendering.text(input)).results().count();
        });
        ALL.put("wordwrap", WordWrap::filter);
        ALL.put("format", TextFilters::format);
        ALL.put("urlencode", TextFilters::urlEncode);
        ALL.put("xmlattr", TextFilters::xmlAttributes);
        ALL.put("striptags", TextFilters::stripTags);
        for (String name : new String[] {"escape", "e"}) {
            ALL.put(name, (rendering, input, arguments) -> {
                arguments.bind(name, 0);
                return Markup.escape(soft(rendering, input));
            });
        }
        ALL.put("forceescape", (rendering, input, arguments) -> {
            arguments.bind("forceescape", 0);
            return new Markup(Markup.escaped(rendering.text(input)));
        });
        ALL.put("safe", (rendering, input, arguments) -> {
            arguments.bind("safe", 0);
            return new Markup(rendering.text(input));
        });
    }

    private TextFilters() {}

    /** A string, marked-up or not; what is none is printed. */
    private static Object soft(Rendering rendering, Object input) {
        return input instanceof Markup ? input : rendering.text(input);
    }

    private static Object method(Rendering rendering, Object input, String method, Arguments arguments) {
        return rendering.call(rendering.members().attribute(soft(rendering, input), method), arguments);
    }

    private static Object title(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("title", 0);
        String text = rendering.text(input);
        var out = new StringBuilder();
        var breaks = WORD_BEGIN.matcher(text);
        int from = 0;
        while (breaks.find()) {
            word(out, text.substring(from, breaks.start()));
            out.append(breaks.group());
            from = breaks.end();
        }
        word(out, text.substring(from));
        return rendering.budget().made(out.toString());
    }

    private static void word(StringBuilder out, String word) {
        if (!word.isEmpty()) {
            int first = word.offsetByCodePoints(0, 1);
            out.append(TextCase.upper(word.substring(0, first))).append(TextCase.lower(word.substring(first)));
        }
    }

    private static Object replace(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("replace", 2, "old", "new", "count");
        int count = bound.given(2) ? bound.integer(2) : -1;
        return TextSearch.replace(
                rendering.text(input),
                rendering.text(bound.value(0)),
                rendering.text(bound.value(1)),
                count,
                rendering.budget());
    }

    private static Object indent(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("indent", 0, "width", "first", "blank");
        if (!Types.isText(input)) {
            throw new TemplateException("indent expects a string, found " + Types.describe(input));
        }
        String indent = bound.has(0) && Types.isText(bound.value(0))
                ? bound.text(0)
                : rendering.arithmetic().repeated(" ", Math.max(0, bound.integer(0, 4)));
        boolean blank = bound.truth(2);
        List<Object> lines = TextSplit.lines(Repr.text(input) + "\n", false, rendering.budget());
        var out = new StringBuilder(bound.truth(1) ? indent : "");
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            out.append(i == 0 ? "" : "\n")
                    .append(i > 0 && (blank || !line.isEmpty()) ? indent : "")
                    .append(line);
            rendering.budget().output(out.length());
        }
        String indented = rendering.budget().made(out.toString());
        return input instanceof Markup ? new Markup(indented) : indented;
    }

    private static Object truncate(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("truncate", 0, "length", "killwords", "end", "leeway");
        int length = bound.integer(0, 255);
        String end = bound.text(2, "...");
        int leeway = bound.given(3) ? bound.integer(3) : 5;
        int kept = length - CodePoints.length(end);
        if (kept < 0 || leeway < 0) {
            throw new TemplateException("truncate expects a length of at least " + CodePoints.length(end)
                    + " and a leeway of at least 0, found " + length + " and " + leeway);
        }
        int found = Types.length(input)
                .orElseThrow(() -> new TemplateException("truncate expects a string, found " + Types.describe(input)));
        if (found <= (long) length + leeway) {
            return input;
        }
        if (!Types.isText(input)) {
            throw new TemplateException("truncate expects a string, found " + Types.describe(input));
        }
        String text = Repr.text(input);
        String cut = CodePoints.slice(text, 0, kept);
        int space = cut.lastIndexOf(' ');
        String start = bound.truth(1) || space < 0 ? cut : cut.substring(0, space);
        return input instanceof Markup
                ? new Markup(start + Markup.escape(bound.value(2, end)).text())
                : start + end;
    }

    private static Object format(Rendering rendering, Object input, Arguments arguments) {
        if (!arguments.positional().isEmpty() && !arguments.named().isEmpty()) {
            throw new TemplateException("format takes values or names, not both");
        }
        Object values = arguments.named().isEmpty() ? new Tuple(arguments.positional()) : Dict.of(arguments.named());
        return rendering.arithmetic().apply(BinaryOperator.MODULO, soft(rendering, input), values);
    }

    private static Object urlEncode(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("urlencode", 0);
        if (Types.isText(input) || !Types.isIterable(input)) {
            return rendering.budget().made(quoted(rendering.text(input), "/"));
        }
        Iterator<Object> pairs =
                input instanceof Dict dict ? new DictView(dict, DictView.Kind.ITEMS).iterator() : Types.iterator(input);
        var out = new StringBuilder();
        while (pairs.hasNext()) {
            List<Object> pair = Types.list(pairs.next(), rendering.budget());
            if (pair.size() != 2) {
                throw new TemplateException("urlencode expects pairs, found " + pair.size() + " values");
            }
            out.append(out.isEmpty() ? "" : "&")
                    .append(quoted(rendering.text(pair.get(0)), "").replace("%20", "+"))
                    .append('=')
                    .append(quoted(rendering.text(pair.get(1)), "").replace("%20", "+"));
            rendering.budget().output(out.length());
        }
        return rendering.budget().made(out.toString());
    }

    private static String quoted(String text, String safe) {
        var out = new StringBuilder();
        for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
            char character = (char) (octet & 0xff);
            boolean plain = character < 0x80
                    && (Character.isLetterOrDigit(character)
                            || UNRESERVED.indexOf(character) >= 0
                            || safe.indexOf(character) >= 0);
            if (plain) {
                out.append(character);
            } else {
                out.append('%')
                        .append(Character.forDigit(character >> 4, 16))
                        .append(Character.forDigit(character & 15, 16));
            }
        }
        return upperHex(out);
    }

    private static String upperHex(StringBuilder out) {
        for (int i = 0; i < out.length(); i++) {
            if (out.charAt(i) == '%') {
                out.setCharAt(i + 1, Character.toUpperCase(out.charAt(i + 1)));
                out.setCharAt(i + 2, Character.toUpperCase(out.charAt(i + 2)));
            }
        }
        return out.toString();
    }

    private static Object xmlAttributes(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("xmlattr", 0, "autospace");
        if (!(input instanceof Dict dict)) {
            throw new TemplateException("xmlattr expects a mapping, found " + Types.describe(input));
        }
        var out = new StringBuilder();
        for (Dict.Entry entry : dict.entries()) {
            if (entry.value() == None.NONE || entry.value() instanceof Undefined) {
                continue;
            }
            if (!Types.isText(entry.key())
                    || ATTRIBUTE_BREAK.matcher(Repr.text(entry.key())).find()) {
                throw new TemplateException(
                        "xmlattr expects names of attributes as keys, found " + Repr.brief(entry.key()));
            }
            boolean space = !out.isEmpty() || !bound.has(0) || bound.truth(0);
            out.append(space ? " " : "")
                    .append(Markup.escape(entry.key()).text())
                    .append("=\"")
                    .append(Markup.escape(entry.value()).text())
                    .append('"');
        }
        return rendering.budget().made(out.toString());
    }

    private static Object stripTags(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("striptags", 0);
        String plain = TAG.matcher(COMMENT.matcher(rendering.text(input)).replaceAll(""))
                .replaceAll("");
        var joined = new StringBuilder();
        Iterator<Object> words =
                TextSplit.split(plain, Arguments.NONE, rendering.budget()).iterator();
        while (words.hasNext()) {
            joined.append(words.next()).append(words.hasNext() ? " " : "");
        }
        return joined.toString()
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&");
    }
}
