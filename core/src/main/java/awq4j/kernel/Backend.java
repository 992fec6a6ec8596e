package awq4j.kernel;

import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.weight.Weight;

/**
 * One device: it takes weights in, gives buffers out, and runs {@link Kernels} on them.
 *
 * <p>A backend serves one caller at a time; it may use many threads inside. Close frees what it allocated.
 */
public interface Backend extends AutoCloseable {
    /** For messages and reports, for example {@code cpu/vector 512 bit, 2 threads}. */
    String name();

    /**
     * Takes a weight in. Dense weights on the CPU stay where they are (the caller keeps their memory open); grouped
     * codes are repacked and their source may go.
     */
    PlacedWeight place(Weight weight);

    /**
     * Takes in the output matrix of a quantized model, which its quantization left in floats. The same as {@link #place}
     * unless the backend's precision says otherwise.
     */
    default PlacedWeight placeHead(Weight weight) {
        return place(weight);
    }

    /** A zeroed matrix. */
    Buffer allocate(int rows, int columns);

    /** Room for keys and values of one layer and sequence. */
    KvBuffer allocateKv(int capacity, int kvHeads, int headDim, KvPrecision precision);

    /** Copies the first {@code filled} positions; how a cache grows. */
    void copyKv(KvBuffer from, KvBuffer to, int filled);

    /** Copies a row-major matrix in; {@code from} holds at least rows * columns values. */
    void write(float[] from, Buffer to);

    /** Copies a buffer's rows out, row-major. */
    void read(Buffer from, float[] to);

    /** The operations. */
    Kernels kernels();

    @Override
    void close();
}
