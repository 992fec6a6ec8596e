package awq4j.tokenizer;

import java.util.Arrays;

/**
 * Text of tokens that arrive one by one. Never splits a character: while the tokens so far end in half of one, their
 * text is held back. The pieces and {@link #flush()} together are the text of the whole sequence, except where its
 * bytes are not UTF-8 at all; there the pieces may show other replacement characters.
 *
 * <p>Tokens mean different text alone and together (a leading space, half a character), so each step decodes a short
 * window: what was returned last, what is held back, and the new token. The cost of a step does not grow with the text.
 *
 * <p>For one thread at a time.
 */
public final class TokenDecoder {
    /** More tokens than one character can have; a longer row of replacement characters is not half a character. */
    private static final int MOST_HELD = 16;

    private static final int CONTEXT = 8;
    private static final char REPLACEMENT = '\uFFFD';

    private final Tokenizer tokenizer;
    private final boolean skipSpecial;
    /** The window: tokens whose text was returned already, up to {@link #returned}, then those held back. */
    private int[] window = new int[2 * MOST_HELD];

    private int returned;
    private int count;
    private String before = "";

    TokenDecoder(Tokenizer tokenizer, boolean skipSpecial, int[] context) {
        this.tokenizer = tokenizer;
        this.skipSpecial = skipSpecial;
        for (int i = Math.max(0, context.length - CONTEXT); i < context.length; i++) {
            Tokenizer.checkId(context[i]);
            window[count++] = context[i];
        }
        returned = count;
        before = text();
    }

    /**
     * Takes the next token.
     *
     * @return the text that is new and whole; empty while a character is incomplete, and for tokens without text
     * @throws IllegalArgumentException if the id is negative
     */
    public String next(int token) {
        Tokenizer.checkId(token);
        if (skipSpecial && tokenizer.isSpecial(token)) {
            return "";
        }
        if (count == window.length) {
            window = Arrays.copyOf(window, 2 * window.length);
        }
        window[count++] = token;
        String all = text();
        boolean incomplete = !all.isEmpty() && all.charAt(all.length() - 1) == REPLACEMENT;
        if (count - returned <= MOST_HELD && (incomplete || all.length() <= before.length())) {
            return "";
        }
        return take(all);
    }

    /** The text still held back, with replacement characters for what is incomplete. */
    public String flush() {
        return returned == count ? "" : take(text());
    }

    private String take(String all) {
        String fresh = all.substring(shared(before, all));
        System.arraycopy(window, returned, window, 0, count - returned);
        count -= returned;
        returned = count;
        before = text();
        return fresh;
    }

    /** Tokens that the next step decodes again. */
    int windowLength() {
        return count;
    }

    /** How much of the text was returned already: all of {@code before}, unless that ended in half a character. */
    private static int shared(String before, String all) {
        int length = 0;
        while (length < before.length() && length < all.length() && before.charAt(length) == all.charAt(length)) {
            length++;
        }
        boolean splits = length > 0 && length < all.length() && Character.isLowSurrogate(all.charAt(length));
        return splits ? length - 1 : length;
    }

    private String text() {
        return tokenizer.decode(window, 0, count, skipSpecial);
    }
}
