package awq4j.format.gguf;

import awq4j.tensor.Shape;
import org.jspecify.annotations.Nullable;

/**
 * A tensor as the header of a GGUF file lists it.
 *
 * @param type null if it is none that the format lists
 * @param typeId the number by which the file names the type
 * @param shape outermost extent first; the file has it the other way round
 * @param offset where its data begins, in bytes of the file
 * @param sizeBytes of its data; 0 if the type is not known
 */
public record GgufTensor(String name, @Nullable GgmlType type, int typeId, Shape shape, long offset, long sizeBytes) {
    /** The type as people know it, for example {@code Q4_1}. */
    public String typeName() {
        return type == null ? "type " + typeId : type.name();
    }

    /** Elements of the innermost extent, which blocks run along. */
    public long columns() {
        return shape.rank() == 0 ? 1 : shape.dim(shape.rank() - 1);
    }
}
