package awq4j.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A text's tokens cut into windows of equal length, as perplexity is measured: from the start, without overlap; what is
 * left over at the end is not used.
 */
public final class Windows {
    private final int[] tokens;
    private final int size;
    private final int count;
    private final int context;

    private Windows(int[] tokens, int size, int count, int context) {
        this.tokens = tokens;
        this.size = size;
        this.count = count;
        this.context = context;
    }

    /**
     * Cuts a text.
     *
     * @param tokens of the whole text, not copied
     * @param size tokens a window has, at least 2
     * @throws IllegalArgumentException if the size is smaller, or the text has not one window
     */
    public static Windows of(int[] tokens, int size) {
        if (size < 2) {
            throw new IllegalArgumentException(
                    "a window must have 2 tokens or more, one to read and one to predict, was " + size);
        }
        if (tokens.length < size) {
            throw new IllegalArgumentException("the text has " + tokens.length + " tokens, expected at least one window"
                    + " of " + size + ": take a longer text or a smaller window");
        }
        return new Windows(tokens, size, tokens.length / size, 1);
    }

    /**
     * The first windows only.
     *
     * @param most how many at most, at least 1
     */
    public Windows limit(int most) {
        if (most < 1) {
            throw new IllegalArgumentException("at least 1 window must be measured, was " + most);
        }
        return new Windows(tokens, size, Math.min(count, most), context);
    }

    /**
     * The same windows, of which the first tokens are read and nothing that predicts one of them is measured: how a model
     * goes on behind a prompt of that length.
     *
     * @param tokens of each window, at least 1 and fewer than it has
     */
    public Windows behind(int tokens) {
        if (tokens < 1 || tokens >= size) {
            throw new IllegalArgumentException(
                    "behind " + tokens + " tokens of a window of " + size + ": expected 1 to " + (size - 1));
        }
        return new Windows(this.tokens, size, count, tokens);
    }

    /** Windows to measure. */
    public int count() {
        return count;
    }

    /** Tokens a window has. */
    public int size() {
        return size;
    }

    /** Tokens of the whole text, used or not. */
    public int textTokens() {
        return tokens.length;
    }

    /** Tokens that are predicted: all but the first of each window, or those {@link #behind} a prompt. */
    public long predictions() {
        return (long) count * perWindow();
    }

    /** Tokens of a window that are predicted. */
    int perWindow() {
        return size - context;
    }

    /** Whether what a token of a piece predicts is measured. */
    boolean measures(Piece piece, int row) {
        return piece.from() + row + 1 >= context;
    }

    /**
     * Consecutive tokens of a window and what follows each.
     *
     * @param window its number
     * @param from position of the first token in its window
     * @param tokens to read
     * @param targets [tokens.length], the token after each
     */
    record Piece(int window, int from, int[] tokens, int[] targets) {
        int length() {
            return tokens.length;
        }
    }

    /** A window in pieces of at most {@code chunk} tokens; its last token is a target only. */
    List<Piece> pieces(int window, int chunk) {
        var pieces = new ArrayList<Piece>();
        int begin = window * size;
        for (int from = 0; from < size - 1; from += chunk) {
            int to = Math.min(from + chunk, size - 1);
            pieces.add(new Piece(
                    window,
                    from,
                    Arrays.copyOfRange(tokens, begin + from, begin + to),
                    Arrays.copyOfRange(tokens, begin + from + 1, begin + to + 1)));
        }
        return pieces;
    }

    /** @throws IllegalArgumentException if a token of a window is outside of a vocabulary of that size */
    void requireWithin(int vocabulary) {
        for (int i = 0; i < count * size; i++) {
            if (tokens[i] < 0 || tokens[i] >= vocabulary) {
                throw new IllegalArgumentException("token " + i + " of the text is " + tokens[i]
                        + ", the model has a vocabulary of " + vocabulary + ": is the tokenizer another model's?");
            }
        }
    }
}
