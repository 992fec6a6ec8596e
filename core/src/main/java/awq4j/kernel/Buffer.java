package awq4j.kernel;

/** A float32 matrix [rows, columns], row-major, in a backend's memory. Vectors are matrices of one row. */
public interface Buffer {
    /** Rows in use. */
    int rows();

    /** Columns; also the distance between rows. */
    int columns();

    /**
     * The first {@code rows} rows, sharing memory: how a buffer allocated for the largest chunk serves smaller ones.
     *
     * @throws IllegalArgumentException if the buffer was allocated with fewer
     */
    Buffer view(int rows);
}
