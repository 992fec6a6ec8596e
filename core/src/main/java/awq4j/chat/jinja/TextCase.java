package awq4j.chat.jinja;

import java.util.Locale;

/** Upper, lower and title case, independent of the machine's language. */
final class TextCase {
    private TextCase() {}

    static String upper(String text) {
        return text.toUpperCase(Locale.ROOT);
    }

    static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    /** Each letter that follows no letter in title case, the others in lower case. */
    static String title(String text) {
        var out = new StringBuilder();
        boolean within = false;
        for (int i = 0; i < text.length(); ) {
            int character = text.codePointAt(i);
            int end = i + Character.charCount(character);
            out.append(within ? lower(text.substring(i, end)) : title(character));
            within = isCased(character);
            i = end;
        }
        return out.toString();
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.codePointAt(0);
        return title(first)
                + lower(text).substring(lower(Character.toString(first)).length());
    }

    static String swap(String text) {
        var out = new StringBuilder();
        text.codePoints().forEach(character -> {
            String one = Character.toString(character);
            out.append(
                    Character.isUpperCase(character)
                            ? lower(one)
                            : Character.isLowerCase(character) ? upper(one) : one);
        });
        return out.toString();
    }

    private static String title(int character) {
        int title = Character.toTitleCase(character);
        String upper = upper(Character.toString(character));
        if (title != character || upper.codePointCount(0, upper.length()) == 1) {
            return Character.toString(title);
        }
        int first = upper.offsetByCodePoints(0, 1);
        return upper.substring(0, first) + lower(upper.substring(first));
    }

    static boolean isCased(int character) {
        return Character.isUpperCase(character) || Character.isLowerCase(character) || Character.isTitleCase(character);
    }
}
