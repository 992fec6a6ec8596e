package awq4j.chat.jinja;

import java.util.Iterator;
import java.util.NoSuchElementException;

/** Strings counted as Python does, by characters and not by halves of surrogate pairs. */
final class CodePoints {
    private CodePoints() {}

    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** Whether every character is one {@code char}, so that positions agree. */
    static boolean simple(String text) {
        return length(text) == text.length();
    }

    /** Position of a character among the chars of the string. */
    static int offset(String text, int character) {
        return text.offsetByCodePoints(0, character);
    }

    static String at(String text, int character) {
        return Character.toString(text.codePointAt(offset(text, character)));
    }

    static String slice(String text, int start, int stop) {
        int from = offset(text, start);
        return text.substring(from, text.offsetByCodePoints(from, stop - start));
    }

    static String reversed(String text) {
        return new StringBuilder(text).reverse().toString();
    }

    static Iterator<Object> iterator(String text) {
        return new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < text.length();
            }

            @Override
            public Object next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                String character = Character.toString(text.codePointAt(next));
                next += character.length();
                return character;
            }
        };
    }

    /** Order of strings by their characters. */
    static int compare(String left, String right) {
        int length = Math.min(left.length(), right.length());
        for (int i = 0; i < length; i++) {
            char a = left.charAt(i);
            char b = right.charAt(i);
            if (a != b) {
                boolean surrogates = Character.isSurrogate(a) != Character.isSurrogate(b);
                return surrogates ? (Character.isSurrogate(a) ? 1 : -1) : Character.compare(a, b);
            }
        }
        return Integer.compare(left.length(), right.length());
    }

    /** What Python's {@code str.isspace} and {@code strip} take as white space. */
    static boolean isSpace(int character) {
        return switch (character) {
            case '\t',
                    '\n',
                    0x0b,
                    '\f',
                    '\r',
                    0x1c,
                    0x1d,
                    0x1e,
                    0x1f,
                    ' ',
                    0x85,
                    0xa0,
                    0x1680,
                    0x2028,
                    0x2029,
                    0x202f -> true;
            case 0x205f, 0x3000 -> true;
            default -> character >= 0x2000 && character <= 0x200a;
        };
    }

    /** What ends a line for Python's {@code splitlines}. */
    static boolean endsLine(int character) {
        return switch (character) {
            case '\n', '\r', 0x0b, '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029 -> true;
            default -> false;
        };
    }
}
