package awq4j.cli;

import java.util.function.Consumer;

/** Breaks text that arrives in pieces into lines of a certain width, at blanks. Line ends in the text stay. */
final class WrappedText {
    private final int width;
    private final Consumer<String> out;
    private final StringBuilder word = new StringBuilder();
    private int column;
    private boolean blank;

    /** @param out gets the text as soon as it is known where it stands */
    WrappedText(int width, Consumer<String> out) {
        this.width = width;
        this.out = out;
    }

    /** Takes a piece. */
    void add(String piece) {
        piece.codePoints().forEach(c -> {
            if (c == '\n') {
                endWord();
                out.accept("\n");
                column = 0;
                blank = false;
            } else if (c == ' ') {
                endWord();
                blank = column > 0;
            } else {
                word.appendCodePoint(c);
            }
        });
    }

    /** Writes what is held back, and ends the line. */
    void finish() {
        endWord();
        if (column > 0) {
            out.accept("\n");
        }
    }

    private void endWord() {
        if (word.isEmpty()) {
            return;
        }
        int length = word.codePointCount(0, word.length());
        if (column > 0 && column + (blank ? 1 : 0) + length > width) {
            out.accept("\n");
            column = 0;
        } else if (blank) {
            out.accept(" ");
            column++;
        }
        out.accept(word.toString());
        column += length;
        blank = false;
        word.setLength(0);
    }
}
