package awq4j.chat.jinja;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code format.format(values)}. */
final class BraceFormat {
    private static final Pattern STEP = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)\\]");

    private final Arguments arguments;
    private final Members members;
    private final Budget budget;
    private final boolean escape;
    private int counter;

    /** @param escape whether values are escaped, as in marked-up text */
    BraceFormat(Arguments arguments, Members members, Budget budget, boolean escape) {
        this.arguments = arguments;
        this.members = members;
        this.budget = budget;
        this.escape = escape;
    }

    String format(String text) {
        return format(text, 2);
    }

    private String format(String text, int depth) {
        if (depth < 0) {
            throw new TemplateException("format specifications are nested too deeply");
        }
        var out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            boolean twice = i + 1 < text.length() && text.charAt(i + 1) == character;
            if ((character == '{' || character == '}') && twice) {
                out.append(character);
                i++;
            } else if (character == '{') {
                int end = closing(text, i);
                out.append(field(text.substring(i + 1, end), depth));
                budget.output(out.length());
                i = end;
            } else if (character == '}') {
                throw new TemplateException("a format has a single '}'");
            } else {
                out.append(character);
            }
        }
        return out.toString();
    }

    private static int closing(String text, int open) {
        int depth = 0;
        for (int i = open; i < text.length(); i++) {
            char character = text.charAt(i);
            depth += character == '{' ? 1 : character == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        throw new TemplateException("a format has a '{' that is not closed");
    }

    private String field(String field, int depth) {
        int colon = end(field, ':');
        int mark = end(field.substring(0, colon), '!');
        Object value = lookUp(field.substring(0, mark));
        String conversion = mark < colon ? field.substring(mark + 1, colon) : "";
        Object converted = switch (conversion) {
            case "" -> {
                if (mark < colon) {
                    throw new TemplateException("a format has '!' without a conversion");
                }
                yield value;
            }
            case "s" -> Repr.text(value);
            case "r" -> Repr.of(value);
            case "a" -> Json.ascii(Repr.of(value));
            default -> throw new TemplateException("a format has no conversion '!" + conversion + "'");
        };
        String spec = colon < field.length() ? format(field.substring(colon + 1), depth - 1) : "";
        String text = FormatSpec.parse(spec).apply(converted);
        return escape && !(converted instanceof Markup) ? Markup.escaped(text) : text;
    }

    /** Place of a sign outside brackets, or the length. */
    private static int end(String field, char sign) {
        int bracket = 0;
        for (int i = 0; i < field.length(); i++) {
            char character = field.charAt(i);
            bracket += character == '[' ? 1 : character == ']' ? -1 : 0;
            if (character == sign && bracket <= 0) {
                return i;
            }
        }
        return field.length();
    }

    private Object lookUp(String path) {
        int first = 0;
        while (first < path.length() && path.charAt(first) != '.' && path.charAt(first) != '[') {
            first++;
        }
        Object value = root(path.substring(0, first), path.isEmpty());
        Matcher step = STEP.matcher(path).region(first, path.length());
        while (step.lookingAt()) {
            String attribute = step.group(1);
            value = attribute != null ? members.attribute(value, attribute) : members.item(value, key(step.group(2)));
            step.region(step.end(), path.length());
        }
        if (step.regionStart() < path.length()) {
            throw new TemplateException("a format has a field that is not understood: {" + path + "}");
        }
        return value;
    }

    private Object root(String name, boolean automatic) {
        if (automatic || isNumber(name)) {
            if (automatic ? counter < 0 : counter > 0) {
                throw new TemplateException("a format numbers some of its fields and not others");
            }
            int index = automatic ? counter++ : FormatSpec.number(name, 0);
            counter = automatic ? counter : -1;
            if (index >= arguments.positional().size()) {
                throw new TemplateException("format() has no value for field " + index);
            }
            return arguments.positional().get(index);
        }
        Object value = arguments.named().get(name);
        if (value == null) {
            throw new TemplateException("format() has no value named '" + name + "'");
        }
        return value;
    }

    private static Object key(String text) {
        return isNumber(text) ? (Object) (long) FormatSpec.number(text, 0) : text;
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.chars().allMatch(digit -> digit >= '0' && digit <= '9');
    }
}
