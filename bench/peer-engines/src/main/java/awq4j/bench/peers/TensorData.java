package awq4j.bench.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The bytes of one tensor, made as they are written: a cycle that repeats until the tensor is full. */
final class TensorData {
    private final long sizeBytes;
    private final byte[] cycle;
    private final int start;

    private TensorData(long sizeBytes, byte[] cycle, int start) {
        this.sizeBytes = sizeBytes;
        this.cycle = cycle;
        this.start = start;
    }

    /**
     * Blocks from a cycle.
     *
     * @param blocks in the tensor
     * @param index the tensor's number in its model: each begins elsewhere in the cycle, so they differ
     */
    static TensorData cut(byte[] cycle, int blockBytes, long blocks, int index) {
        int start = (int) (index * 2654435761L % (cycle.length / blockBytes));
        return new TensorData(blocks * blockBytes, cycle, start * blockBytes);
    }

    /** So many ones, float32. */
    static TensorData ones(int count) {
        byte[] one = ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(1)
                .array();
        return new TensorData(4L * count, one, 0);
    }

    long sizeBytes() {
        return sizeBytes;
    }

    /** Fills {@code into} up to {@code length} with the tensor's bytes from {@code offset} on. */
    void copy(long offset, byte[] into, int length) {
        int filled = 0;
        int at = (int) ((start + offset) % cycle.length);
        while (filled < length) {
            int some = Math.min(length - filled, cycle.length - at);
            System.arraycopy(cycle, at, into, filled, some);
            filled += some;
            at = (at + some) % cycle.length;
        }
    }
}
