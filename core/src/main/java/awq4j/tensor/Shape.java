package awq4j.tensor;

import java.util.List;
import java.util.stream.Collectors;

/** The extents of a tensor, outermost first; a scalar has none. Extents are zero or more. */
public record Shape(List<Long> dims) {
    /** @throws IllegalArgumentException if an extent is negative */
    public Shape {
        dims = List.copyOf(dims);
        for (long dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("shape has a negative extent: " + dims);
            }
        }
    }

    /** Shape of the given extents. */
    public static Shape of(long... dims) {
        return new Shape(java.util.Arrays.stream(dims).boxed().toList());
    }

    /** Number of extents. */
    public int rank() {
        return dims.size();
    }

    /** The extent at {@code axis}, 0 being the outermost. */
    public long dim(int axis) {
        return dims.get(axis);
    }

    /**
     * Number of elements, the product of the extents.
     *
     * @throws ArithmeticException if it exceeds 2^63 - 1
     */
    public long elements() {
        long product = 1;
        for (long dim : dims) {
            product = Math.multiplyExact(product, dim);
        }
        return product;
    }

    /** The form used in messages, for example {@code [4096, 11008]}. */
    @Override
    public String toString() {
        return dims.stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
    }
}
