package awq4j.chat.jinja;

import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/** Python's {@code isdigit} and its like: true if all characters are, and there is one. */
final class CharacterTests {
    /** First and last of the characters that Unicode's Numeric_Type calls digits, but not decimal ones. */
    private static final int[] DIGITS = {
        0xb2, 0xb3, 0xb9, 0xb9, 0x1369, 0x1371, 0x19da, 0x19da, 0x2070, 0x2070, 0x2074, 0x2079, 0x2080, 0x2089, 0x2460,
        0x2468, 0x2474, 0x247c, 0x2488, 0x2490, 0x24ea, 0x24ea, 0x24f5, 0x24fd, 0x24ff, 0x24ff, 0x2776, 0x277e, 0x2780,
        0x2788, 0x278a, 0x2792, 0x10a40, 0x10a43, 0x10e60, 0x10e68, 0x11052, 0x1105a, 0x1f100, 0x1f10a
    };

    static final Map<String, Predicate<String>> ALL = Map.ofEntries(
            Map.entry("isalpha", text -> all(text, Character::isLetter)),
            Map.entry("isalnum", text -> all(text, c -> Character.isLetter(c) || isNumeric(c))),
            Map.entry("isascii", text -> text.chars().allMatch(c -> c < 0x80)),
            Map.entry("isdecimal", text -> all(text, Character::isDigit)),
            Map.entry("isdigit", text -> all(text, CharacterTests::isDigit)),
            Map.entry("isnumeric", text -> all(text, CharacterTests::isNumeric)),
            Map.entry("isspace", text -> all(text, CodePoints::isSpace)),
            Map.entry("isprintable", text -> text.codePoints().allMatch(Repr::printable)),
            Map.entry("isidentifier", CharacterTests::isIdentifier),
            Map.entry("islower", CharacterTests::isLower),
            Map.entry("isupper", CharacterTests::isUpper),
            Map.entry("istitle", CharacterTests::isTitle));

    private CharacterTests() {}

    private static boolean all(String text, IntPredicate test) {
        return !text.isEmpty() && text.codePoints().allMatch(test);
    }

    /** Decimal digits, and the raised, lowered and circled ones from 0 to 9. */
    private static boolean isDigit(int character) {
        boolean digit = Character.isDigit(character);
        for (int i = 0; !digit && i < DIGITS.length; i += 2) {
            digit = character >= DIGITS[i] && character <= DIGITS[i + 1];
        }
        return digit;
    }

    private static boolean isNumeric(int character) {
        int type = Character.getType(character);
        return type == Character.DECIMAL_DIGIT_NUMBER
                || type == Character.LETTER_NUMBER
                || type == Character.OTHER_NUMBER;
    }

    private static boolean isIdentifier(String text) {
        return !text.isEmpty()
                && (text.charAt(0) == '_' || Character.isUnicodeIdentifierStart(text.codePointAt(0)))
                && text.codePoints()
                        .allMatch(c -> Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c));
    }

    static boolean isLower(String text) {
        return text.codePoints().anyMatch(Character::isLowerCase)
                && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
    }

    static boolean isUpper(String text) {
        return text.codePoints().anyMatch(Character::isUpperCase)
                && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
    }

    private static boolean isTitle(String text) {
        boolean within = false;
        boolean any = false;
        for (int character : text.codePoints().toArray()) {
            boolean upper = Character.isUpperCase(character) || Character.isTitleCase(character);
            boolean lower = Character.isLowerCase(character);
            if ((upper && within) || (lower && !within)) {
                return false;
            }
            within = upper || lower;
            any |= within;
        }
        return any;
    }
}
