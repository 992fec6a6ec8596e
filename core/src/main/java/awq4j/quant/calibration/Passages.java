package awq4j.quant.calibration;

import static awq4j.quant.calibration.CalibrationTexts.PASSAGE_CHARACTERS;

import awq4j.quant.calibration.CalibrationTexts.Text;
import java.util.ArrayList;
import java.util.List;

/** Cuts a long plain text into passages of similar size, at line ends where possible. */
final class Passages {
    private Passages() {}

    static List<Text> of(String content) {
        var passages = new ArrayList<Text>();
        var passage = new StringBuilder();
        for (String line : content.lines().toList()) {
            for (String piece : pieces(line)) {
                passage.append(piece).append('\n');
                if (passage.length() >= PASSAGE_CHARACTERS) {
                    passages.add(new Text(passage.toString(), true));
                    passage.setLength(0);
                }
            }
        }
        if (!passage.isEmpty()) {
            passages.add(new Text(passage.toString(), true));
        }
        return passages;
    }

    private static List<String> pieces(String line) {
        var pieces = new ArrayList<String>();
        String rest = line;
        while (rest.length() > 2 * PASSAGE_CHARACTERS) {
            int cut = cutNear(rest, PASSAGE_CHARACTERS);
            pieces.add(rest.substring(0, cut));
            rest = rest.substring(cut);
        }
        pieces.add(rest);
        return pieces;
    }

    /** The two halves of a text, cut at white space near its middle; empty if it cannot be cut. */
    static List<String> halves(String text) {
        if (text.codePointCount(0, text.length()) < 2) {
            return List.of();
        }
        int cut = cutNear(text, text.length() / 2);
        return List.of(text.substring(0, cut), text.substring(cut));
    }

    /** Where to cut: behind the white space closest to {@code at}, or else between characters; never at either end. */
    private static int cutNear(String text, int at) {
        for (int distance = 0; distance < at / 2; distance++) {
            for (int cut : new int[] {at - distance, at + distance}) {
                if (Character.isWhitespace(text.charAt(cut - 1)) && cut < text.length()) {
                    return cut;
                }
            }
        }
        int cut = Math.max(1, at);
        return Character.isSurrogatePair(text.charAt(cut - 1), text.charAt(cut)) ? cut + 1 : cut;
    }
}
