package awq4j.format;

import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.nio.file.Path;
import java.util.Set;

/** An opened file of named tensors, of whatever format: its list is read, its data are mapped. */
public interface TensorFile extends AutoCloseable {
    /** The file. */
    Path path();

    /** The names of its tensors, in the file's order. */
    Set<String> names();

    /**
     * The element type as the file spells it, for example {@code F16}; it need not be one that can be read.
     *
     * @throws IllegalArgumentException if there is no tensor of that name
     */
    String dtypeName(String name);

    /**
     * The tensor's extents.
     *
     * @throws IllegalArgumentException if there is no tensor of that name
     */
    Shape shape(String name);

    /**
     * Bytes of the tensor's elements.
     *
     * @throws IllegalArgumentException if there is no tensor of that name
     */
    long sizeBytes(String name);

    /**
     * One tensor, valid until {@link #close}.
     *
     * @throws IllegalArgumentException if there is none of that name
     * @throws UnsupportedModelException if its element type cannot be read
     */
    Tensor tensor(String name);

    /** Unmaps the file; tensors must no longer be used. */
    @Override
    void close();
}
