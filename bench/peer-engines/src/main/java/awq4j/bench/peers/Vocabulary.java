package awq4j.bench.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Tokens that mean nothing, for tokenizers that must exist: three that control, 256 bytes, and then one character each.
 * So n characters are n tokens, whatever the tokenizer's rules, since no two characters together are a token.
 */
final class Vocabulary {
    static final int UNKNOWN = 0;
    static final int BEGIN = 1;
    static final int END = 2;
    static final int FIRST_BYTE = 3;
    static final int FIRST_CHARACTER = FIRST_BYTE + 256;

    /** Letters that tokenizers leave alone: ideographs, syllables, more ideographs, private use. */
    private static final int[][] RANGES = {
        {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3}, {0x20000, 0x2A6DF}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD}
    };

    private final int size;

    Vocabulary(int size) {
        if (size <= FIRST_CHARACTER) {
            throw new IllegalArgumentException(
                    "vocabulary: expected more than " + FIRST_CHARACTER + " tokens, found " + size);
        }
        this.size = size;
    }

    /** Every token, by its number. */
    List<String> tokens() {
        var tokens = new ArrayList<String>(List.of("<unk>", "<s>", "</s>"));
        for (int i = 0; i < 256; i++) {
            tokens.add("<0x%02X>".formatted(i));
        }
        for (int i = 0; i < size - FIRST_CHARACTER; i++) {
            tokens.add(Character.toString(character(i)));
        }
        return tokens;
    }

    /** Tokens that are no character: those that control, and the bytes. */
    static List<Integer> noCharacters() {
        return IntStream.range(0, FIRST_CHARACTER).boxed().toList();
    }

    /** A text of so many tokens, all of them characters; another seed gives another one. */
    String text(int tokens, long seed) {
        var random = new SplittableRandom(seed);
        var text = new StringBuilder();
        for (int i = 0; i < tokens; i++) {
            text.appendCodePoint(character(random.nextInt(size - FIRST_CHARACTER)));
        }
        return text.toString();
    }

    private static int character(int index) {
        int left = index;
        for (int[] range : RANGES) {
            int length = range[1] - range[0] + 1;
            if (left < length) {
                return range[0] + left;
            }
            left -= length;
        }
        throw new IllegalArgumentException("vocabulary: character " + index + " is beyond what is listed");
    }
}
