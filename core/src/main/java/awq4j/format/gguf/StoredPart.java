package awq4j.format.gguf;

import awq4j.tensor.Shape;
import java.util.List;

/**
 * Where a tensor, named as transformers names it, lies in a GGUF file, and how it differs there.
 *
 * @param stored its name in the file
 * @param heads heads whose rows are interleaved in the file, 0 if rows are in order. llama.cpp turns neighbouring rows of
 *     a head together, transformers rows half a head apart
 * @param expert which of the stored matrices it is, -1 if there is only one
 * @param plusOne whether the file has it with 1 added, as the norms of Gemma
 * @param row whether it is a matrix of one row, which the file has as a vector
 */
public record StoredPart(String stored, int heads, int expert, boolean plusOne, boolean row) {
    /** Whether the data can be taken as they lie. */
    boolean asItLies() {
        return heads == 0 && !plusOne;
    }

    /** The extents of the part. */
    Shape shape(Shape of) {
        if (row && of.rank() == 1) {
            return Shape.of(1, of.dim(0));
        }
        if (expert < 0) {
            return of;
        }
        List<Long> dims = of.dims().subList(1, of.rank());
        return new Shape(dims);
    }

    /** The row of the file that row {@code row} of so many is. */
    int storedRow(int row, int rows) {
        if (heads == 0) {
            return row;
        }
        int size = rows / heads;
        int within = row % size;
        int half = size / 2;
        return row - within + 2 * (within % half) + within / half;
    }

    /**
     * The rows in the order of the file.
     *
     * @throws IllegalArgumentException if they are not pairs of rows for each head
     */
    public int[] order(int rows) {
        if (heads > 0 && rows % (2 * heads) != 0) {
            throw new IllegalArgumentException(
                    stored + ": expected pairs of rows for " + heads + " heads, found " + rows + " rows");
        }
        int[] order = new int[rows];
        for (int row = 0; row < rows; row++) {
            order[storedRow(row, rows)] = row;
        }
        return order;
    }
}
