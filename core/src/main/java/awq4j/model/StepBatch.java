package awq4j.model;

/**
 * Tokens to run at once: prompt chunks and decode steps alike, of one sequence or many.
 *
 * @param tokens [n] token ids
 * @param positions [n] position of each token in its sequence, from 0; ascending within a sequence
 * @param sequences [n] which of the call's caches each token belongs to
 * @param logitRows which rows want logits, ascending; empty for none
 */
public record StepBatch(int[] tokens, int[] positions, int[] sequences, int[] logitRows) {
    /** @throws IllegalArgumentException if the arrays differ in length or there is no token */
    public StepBatch {
        if (tokens.length == 0 || tokens.length != positions.length || tokens.length != sequences.length) {
            throw new IllegalArgumentException("batch: " + tokens.length + " tokens, " + positions.length
                    + " positions, " + sequences.length + " sequences");
        }
    }

    /** Which rows of a chunk want logits. */
    public enum Logits {
        /** None: the chunk only fills the cache. */
        NONE,
        /** The last: the next token is wanted. */
        LAST,
        /** Every one: each token is to be scored. */
        ALL
    }

    /** Consecutive tokens of one sequence, the first at position {@code from}. */
    public static StepBatch of(int[] tokens, int from, Logits logits) {
        int n = tokens.length;
        int[] positions = new int[n];
        java.util.Arrays.setAll(positions, i -> from + i);
        int[] rows = switch (logits) {
            case NONE -> new int[0];
            case LAST -> new int[] {n - 1};
            case ALL -> java.util.stream.IntStream.range(0, n).toArray();
        };
        return new StepBatch(tokens, positions, new int[n], rows);
    }

    /** Number of tokens. */
    public int rows() {
        return tokens.length;
    }
}
