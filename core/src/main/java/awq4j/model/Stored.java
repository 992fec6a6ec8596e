package awq4j.model;

/**
 * Where a linear lies in a checkpoint: in a matrix of its own, or in rows of one that several linears share. Its rows are
 * runs of {@code run} rows, one every {@code stride} rows, from row {@code first} on.
 *
 * @param name tensor prefix of the stored matrix
 * @param rows of the stored matrix
 * @param transposed whether a plain one is stored as [inputs, outputs], as GPT-2's are; a packed one never is
 */
public record Stored(String name, int rows, int first, int run, int stride, boolean transposed) {
    /** A matrix of its own. */
    static Stored whole(String name, int rows) {
        return new Stored(name, rows, 0, rows, rows, false);
    }

    /** The stored row of a linear's row. */
    public int row(int row) {
        return first + row / run * stride + row % run;
    }
}
