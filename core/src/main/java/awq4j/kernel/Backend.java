package awq4j.kernel;

import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import java.util.Optional;

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

    /** Whether {@link #placeHead} places in lower precision. */
    default boolean roundsHeads() {
        return false;
    }

    /** What {@link #place} made of a weight, to be kept; empty if nothing was made. */
    default Optional<PackedMatrix> packed(PlacedWeight placed) {
        return Optional.empty();
    }

    /** Whether {@link #place(PackedMatrix)} takes matrices of this order in. */
    default boolean reads(String order) {
        return false;
    }

    /**
     * Takes in what {@link #packed} gave, now or in another run. Its memory is read where it is; the caller keeps it open.
     *
     * @throws IllegalArgumentException if the order is not one that is read, or the memory has not its size
     */
    default PlacedWeight place(PackedMatrix packed) {
        throw new IllegalArgumentException(
                "matrix " + packed.name() + ": " + name() + " does not read the order " + packed.order());
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
