package awq4j.runtime;

import java.util.Arrays;
import java.util.BitSet;

/** Which tokens occurred so far, and how often in the reply. */
final class Occurrences {
    private final int[] inReply;
    private final BitSet seen;
    private int[] tokens = new int[64];
    private int distinct;

    Occurrences(int vocabulary) {
        inReply = new int[vocabulary];
        seen = new BitSet(vocabulary);
    }

    void addPrompt(int token) {
        if (!seen.get(token)) {
            seen.set(token);
            if (distinct == tokens.length) {
                tokens = Arrays.copyOf(tokens, 2 * distinct);
            }
            tokens[distinct++] = token;
        }
    }

    void addReply(int token) {
        addPrompt(token);
        inReply[token]++;
    }

    /** How many different tokens occurred. */
    int distinct() {
        return distinct;
    }

    /** One of those, {@code index} below {@link #distinct}. */
    int token(int index) {
        return tokens[index];
    }

    int inReply(int token) {
        return inReply[token];
    }
}
