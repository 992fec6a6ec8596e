package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Cutting strings into parts. */
final class TextSplit {
    private TextSplit() {}

    static List<Object> split(String self, Arguments arguments, Budget budget) {
        Bound bound = arguments.bind("split", 0, "sep", "maxsplit");
        int most = limit(bound);
        List<Object> parts = bound.given(0) ? at(self, separator(bound), most) : atSpaces(self, most);
        budget.making((long) self.length() + parts.size());
        return parts;
    }

    private static int limit(Bound bound) {
        int most = bound.integer(1, -1);
        return most < 0 ? Integer.MAX_VALUE : most;
    }

    private static String separator(Bound bound) {
        String separator = bound.text(0);
        if (separator.isEmpty()) {
            throw bound.wrong(0, "a separator that is not empty");
        }
        return separator;
    }

    private static List<Object> at(String self, String separator, int most) {
        var parts = new ArrayList<Object>();
        int from = 0;
        for (int at = self.indexOf(separator); at >= 0 && parts.size() < most; at = self.indexOf(separator, from)) {
            parts.add(self.substring(from, at));
            from = at + separator.length();
        }
        parts.add(self.substring(from));
        return parts;
    }

    private static List<Object> atSpaces(String self, int most) {
        var parts = new ArrayList<Object>();
        int at = skip(self, 0, true);
        while (at < self.length()) {
            if (parts.size() == most) {
                parts.add(self.substring(at));
                break;
            }
            int end = skip(self, at, false);
            parts.add(self.substring(at, end));
            at = skip(self, end, true);
        }
        return parts;
    }

    private static int skip(String text, int from, boolean spaces) {
        int at = from;
        while (at < text.length() && CodePoints.isSpace(text.charAt(at)) == spaces) {
            at++;
        }
        return at;
    }

    /** End of what stands before {@code from}, without white space. */
    private static int trimmed(String text, int from) {
        int end = from;
        while (end > 0 && CodePoints.isSpace(text.charAt(end - 1))) {
            end--;
        }
        return end;
    }

    static List<Object> splitFromRight(String self, Arguments arguments, Budget budget) {
        Bound bound = arguments.bind("rsplit", 0, "sep", "maxsplit");
        int most = limit(bound);
        budget.making(self.length());
        var parts = new ArrayList<Object>();
        if (bound.given(0)) {
            String separator = separator(bound);
            int end = self.length();
            for (int at = self.lastIndexOf(separator);
                    at >= 0 && parts.size() < most;
                    at = end < separator.length() ? -1 : self.lastIndexOf(separator, end - separator.length())) {
                parts.add(self.substring(at + separator.length(), end));
                end = at;
            }
            parts.add(self.substring(0, end));
        } else {
            spacesFromRight(self, most, parts);
        }
        Collections.reverse(parts);
        budget.making(parts.size());
        return parts;
    }

    private static void spacesFromRight(String self, int most, List<Object> parts) {
        int end = trimmed(self, self.length());
        while (end > 0) {
            if (parts.size() == most) {
                parts.add(self.substring(0, end));
                return;
            }
            int begin = end;
            while (begin > 0 && !CodePoints.isSpace(self.charAt(begin - 1))) {
                begin--;
            }
            parts.add(self.substring(begin, end));
            end = trimmed(self, begin);
        }
    }

    static List<Object> lines(String self, boolean keepEnds, Budget budget) {
        var lines = new ArrayList<Object>();
        int from = 0;
        while (from < self.length()) {
            int end = from;
            while (end < self.length() && !CodePoints.endsLine(self.charAt(end))) {
                end++;
            }
            int next = end;
            if (end < self.length()) {
                next = self.startsWith("\r\n", end) ? end + 2 : end + 1;
            }
            lines.add(self.substring(from, keepEnds ? next : end));
            from = next;
        }
        budget.making((long) self.length() + lines.size());
        return lines;
    }

    static Object partition(String self, Arguments arguments, boolean last) {
        String name = last ? "rpartition" : "partition";
        Bound bound = arguments.positionalOnly(name, 1, 1);
        String separator = separator(bound);
        int at = last ? self.lastIndexOf(separator) : self.indexOf(separator);
        if (at < 0) {
            return last ? Tuple.of("", "", self) : Tuple.of(self, "", "");
        }
        return Tuple.of(self.substring(0, at), separator, self.substring(at + separator.length()));
    }

    static String expandTabs(String self, int size, Budget budget) {
        var out = new StringBuilder();
        int column = 0;
        for (int i = 0; i < self.length(); ) {
            int character = self.codePointAt(i);
            i += Character.charCount(character);
            if (character == '\t') {
                int spaces = size > 0 ? size - column % size : 0;
                budget.output((long) out.length() + spaces);
                out.append(" ".repeat(spaces));
                column += spaces;
            } else {
                out.appendCodePoint(character);
                column = character == '\n' || character == '\r' ? 0 : column + 1;
            }
        }
        return budget.made(out.toString());
    }
}
