package awq4j.chat.jinja;

import java.util.List;
import java.util.function.IntPredicate;

/** Finding, counting, replacing and stripping parts of strings, in places counted by characters. */
final class TextSearch {
    private TextSearch() {}

    static String strip(String self, Bound bound, boolean left, boolean right) {
        IntPredicate stripped = CodePoints::isSpace;
        if (bound.given(0)) {
            String set = bound.text(0);
            stripped = character -> set.indexOf(character) >= 0;
        }
        int begin = 0;
        int end = self.length();
        while (left && begin < end && stripped.test(self.codePointAt(begin))) {
            begin += Character.charCount(self.codePointAt(begin));
        }
        while (right && end > begin && stripped.test(self.codePointBefore(end))) {
            end -= Character.charCount(self.codePointBefore(end));
        }
        return self.substring(begin, end);
    }

    /** The part of a string between two places, and where it begins; -1 if it begins behind the end. */
    private record Part(String text, int from) {
        static Part of(String self, Bound bound) {
            int length = CodePoints.length(self);
            int start = bound.given(1) ? bound.integer(1) : 0;
            int stop = bound.given(2) ? bound.integer(2) : length;
            int from = Math.max(0, start < 0 ? start + length : start);
            int to = Math.clamp(stop < 0 ? (long) stop + length : stop, 0, length);
            return from > to ? new Part("", -1) : new Part(CodePoints.slice(self, from, to), from);
        }
    }

    static Object find(String name, String self, Arguments arguments, boolean last) {
        Bound bound = arguments.positionalOnly(name, 1, 3);
        String wanted = bound.text(0);
        Part part = Part.of(self, bound);
        int at = part.from < 0 ? -1 : last ? part.text.lastIndexOf(wanted) : part.text.indexOf(wanted);
        return at < 0 ? -1L : (long) part.from + part.text.codePointCount(0, at);
    }

    static Object index(String name, String self, Arguments arguments, boolean last) {
        Object found = find(name, self, arguments, last);
        if (found.equals(-1L)) {
            throw new TemplateException(name + ": the string has no "
                    + Repr.brief(arguments.positional().getFirst()));
        }
        return found;
    }

    static Object count(String self, Arguments arguments) {
        Bound bound = arguments.positionalOnly("count", 1, 3);
        Part part = Part.of(self, bound);
        return part.from < 0 ? 0L : occurrences(part.text, bound.text(0));
    }

    private static long occurrences(String text, String wanted) {
        if (wanted.isEmpty()) {
            return CodePoints.length(text) + 1L;
        }
        long count = 0;
        for (int at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length())) {
            count++;
        }
        return count;
    }

    static Object affix(String name, String self, Arguments arguments, boolean prefix) {
        Bound bound = arguments.positionalOnly(name, 1, 3);
        List<Object> wanted = bound.value(0) instanceof Tuple tuple ? tuple.items() : List.of(bound.text(0));
        Part part = Part.of(self, bound);
        for (Object item : wanted) {
            if (!Types.isText(item)) {
                throw new TemplateException(name + " expects strings, found " + Types.describe(item));
            }
            String affix = Repr.text(item);
            if (part.from >= 0 && (prefix ? part.text.startsWith(affix) : part.text.endsWith(affix))) {
                return true;
            }
        }
        return false;
    }

    /**
     * Replaces one string by another.
     *
     * @param most how many to replace, all if negative
     */
    static String replace(String self, String old, String with, int most, Budget budget) {
        long count = occurrences(self, old);
        if (most >= 0) {
            count = Math.min(count, most);
        }
        budget.making(self.length() + count * Math.max(0, with.length() - old.length()));
        if (count == 0) {
            return self;
        }
        var out = new StringBuilder();
        int done = 0;
        int from = 0;
        while (done < count) {
            int at = old.isEmpty() ? from : self.indexOf(old, from);
            out.append(self, from, at).append(with);
            from = at + old.length();
            done++;
            if (old.isEmpty() && from < self.length()) {
                int next = from + Character.charCount(self.codePointAt(from));
                if (done < count) {
                    out.append(self, from, next);
                    from = next;
                }
            }
        }
        return out.append(self, Math.min(from, self.length()), self.length()).toString();
    }
}
