package awq4j.kernel;

/**
 * A matrix on the heap.
 *
 * @param values at least rows * columns, shared by all views
 */
record CpuBuffer(float[] values, int rows, int columns) implements Buffer {
    @Override
    public CpuBuffer view(int wanted) {
        if (wanted < 0 || (long) wanted * columns > values.length) {
            throw new IllegalArgumentException("view of " + wanted + " rows: the buffer was allocated with "
                    + values.length / Math.max(1, columns) + " of " + columns + " columns");
        }
        return wanted == rows ? this : new CpuBuffer(values, wanted, columns);
    }

    /** For messages. */
    String shape() {
        return "[" + rows + ", " + columns + "]";
    }
}
