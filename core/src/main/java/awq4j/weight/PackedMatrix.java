package awq4j.weight;

import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.MemorySegment;

/**
 * A matrix of codes in the order that some kernels read, to be kept for the next time.
 *
 * @param name the tensor-name prefix, as in {@link Weight}
 * @param rows output features
 * @param columns input features
 * @param layout that it had before
 * @param order what the kernels call their order of bytes; only they know what it means
 * @param memory the bytes; kernels may ask for an alignment
 */
public record PackedMatrix(String name, int rows, int columns, Grouped layout, String order, MemorySegment memory) {
    /** @throws IllegalArgumentException if it has no rows or no columns */
    public PackedMatrix {
        if (rows < 1 || columns < 1) {
            throw new IllegalArgumentException(
                    "matrix " + name + ": expected rows and columns, found [" + rows + ", " + columns + "]");
        }
    }
}
