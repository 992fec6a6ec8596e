package awq4j.format;

import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import java.util.List;

/**
 * One tensor of a packed linear, as a packing will make it.
 *
 * @param word behind the linear's name, for example {@code qweight}
 */
public record PackedPart(String word, DType dtype, Shape shape) {
    /** Bytes of the tensor. */
    public long sizeBytes() {
        return Math.multiplyExact(shape.elements(), (long) dtype.bytes());
    }

    /** Bytes of all parts. */
    public static long sizeBytes(List<PackedPart> parts) {
        return parts.stream().mapToLong(PackedPart::sizeBytes).sum();
    }
}
