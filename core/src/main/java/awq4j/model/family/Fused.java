package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.model.Linear;
import awq4j.model.Stored;

/**
 * A stored matrix that several linears share.
 *
 * @param transposed whether it is stored as [columns, rows]
 */
record Fused(String name, int rows, int columns, boolean bias, boolean transposed) {
    /** A matrix that is stored as [rows, columns], with a bias if the file has one. */
    static Fused of(Checkpoint checkpoint, String name, int rows, int columns) {
        return new Fused(name, rows, columns, checkpoint.has(name + ".bias"), false);
    }

    /** The linear of {@code count} rows from {@code first} on. */
    Linear part(String word, int first, int count) {
        return part(word, count, first, count, count);
    }

    /** The linear of {@code count} rows in runs of {@code run}, one every {@code stride} rows, from {@code first} on. */
    Linear part(String word, int count, int first, int run, int stride) {
        return new Linear(
                name + "." + word, count, columns, bias, new Stored(name, rows, first, run, stride, transposed));
    }

    /** The whole as one linear. */
    Linear whole() {
        return new Linear(name, rows, columns, bias, new Stored(name, rows, 0, rows, rows, transposed));
    }
}
