package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The filter {@code wordwrap}: breaks lines between words as Python's textwrap does. */
final class WordWrap {
    /** White space, or a word without hyphens, or a part of a word up to a hyphen between letters. */
    private static final Pattern CHUNK =
            Pattern.compile("\\s+|[^\\s\\w]*\\w+[^0-9\\W]-(?=\\w+[^0-9\\W])|\\S+?(?=\\s|$|-{2,}(?=\\w))|\\S+");

    private static final Pattern SPACED = Pattern.compile("\\s+|\\S+");

    private final int width;
    private final boolean breakLong;
    private final boolean hyphens;

    private WordWrap(int width, boolean breakLong, boolean hyphens) {
        this.width = width;
        this.breakLong = breakLong;
        this.hyphens = hyphens;
    }

    static Object filter(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("wordwrap", 0, "width", "break_long_words", "wrapstring", "break_on_hyphens");
        if (!Types.isText(input)) {
            throw new TemplateException("wordwrap expects a string, found " + Types.describe(input));
        }
        int width = bound.integer(0, 79);
        if (width < 1) {
            throw bound.wrong(0, "a width of at least 1");
        }
        var wrap = new WordWrap(width, !bound.has(1) || bound.truth(1), !bound.has(3) || bound.truth(3));
        String end = bound.given(2) ? bound.text(2) : "\n";
        var lines = new ArrayList<String>();
        for (Object line : TextSplit.lines(Repr.text(input), false, rendering.budget())) {
            lines.add(String.join(end, wrap.wrapped((String) line)));
        }
        long length = 0;
        for (String line : lines) {
            length += line.length() + end.length();
        }
        rendering.budget().making(length);
        return String.join(end, lines);
    }

    private List<String> wrapped(String text) {
        List<String> chunks = (hyphens ? CHUNK : SPACED)
                .matcher(text)
                .results()
                .map(match -> match.group())
                .toList();
        var lines = new ArrayList<String>();
        var line = new StringBuilder();
        int room = width;
        for (String chunk : chunks) {
            String rest = chunk;
            boolean space = rest.isBlank();
            if (space && line.isEmpty() && !lines.isEmpty()) {
                continue;
            }
            while (CodePoints.length(rest) > room && !(space && line.isEmpty())) {
                boolean cuts = !space && breakLong && CodePoints.length(rest) > width;
                if (cuts) {
                    line.append(CodePoints.slice(rest, 0, room));
                    rest = CodePoints.slice(rest, room, CodePoints.length(rest));
                } else if (line.isEmpty()) {
                    break;
                }
                flush(line, lines);
                room = width;
                rest = space ? "" : rest;
            }
            line.append(rest);
            room -= CodePoints.length(rest);
        }
        flush(line, lines);
        return lines;
    }

    private static void flush(StringBuilder line, List<String> lines) {
        String stripped = line.toString().stripTrailing();
        if (!stripped.isEmpty()) {
            lines.add(stripped);
        }
        line.setLength(0);
    }
}
