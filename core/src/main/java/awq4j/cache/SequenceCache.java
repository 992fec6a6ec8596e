package awq4j.cache;

import awq4j.kernel.Backend;
import awq4j.kernel.KvBuffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values of one sequence in all layers. It grows by doubling as positions are asked for, up to a limit, so
 * that a long context costs memory only when it is used.
 */
public final class SequenceCache {
    private static final int FIRST_CAPACITY = 64;

    private final Backend backend;
    private final List<Shape> layers;
    private final KvPrecision precision;
    private final int limit;
    private final List<KvBuffer> buffers = new ArrayList<>();
    private int capacity;
    private int length;
    private int expected;

    /** Keys and values of one layer: {@code kvHeads} heads of {@code headDim} values each. */
    public record Shape(int kvHeads, int headDim) {}

    /**
     * An empty cache; memory is taken when the first position is reserved.
     *
     * @param layers one shape a layer
     * @param limit most positions it may hold
     */
    public SequenceCache(Backend backend, List<Shape> layers, KvPrecision precision, int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("cache: limit must be positive, was " + limit);
        }
        this.backend = backend;
        this.layers = List.copyOf(layers);
        this.precision = precision;
        this.limit = limit;
    }

    /** Positions filled so far. */
    public int length() {
        return length;
    }

    /** Most positions it may hold. */
    public int limit() {
        return limit;
    }

    /** Bytes taken now, keys and values of all layers. */
    public long sizeBytes() {
        return buffers.stream().mapToLong(KvBuffer::sizeBytes).sum();
    }

    /** Bytes that one position takes in all layers: what decoding reads of each position that is not recent. */
    public long bytesPerPosition() {
        return layers.stream()
                .mapToLong(layer -> 2L * layer.kvHeads() * precision.bytes(layer.headDim()))
                .sum();
    }

    /** The longest length announced or reached: what length-dependent rotary scalings go by. */
    public int expected() {
        return Math.max(expected, length);
    }

    /** Announces that the sequence will reach {@code positions}, though they come in chunks. */
    public void expect(int positions) {
        expected = Math.max(expected, positions);
    }

    /**
     * Makes room so that positions below {@code positions} can be stored, and counts them as filled.
     *
     * @throws IllegalArgumentException if that is beyond the limit
     */
    public void reserve(int positions) {
        if (positions > limit) {
            throw new IllegalArgumentException(
                    "cache: position " + (positions - 1) + " is beyond its limit of " + limit + " positions");
        }
        if (positions > capacity) {
            grow((int) Math.min(limit, Math.max(positions, Math.max(FIRST_CAPACITY, 2L * capacity))));
        }
        length = Math.max(length, positions);
    }

    /**
     * Forgets all positions from {@code positions} on; earlier ones stay valid.
     *
     * @throws IllegalArgumentException if fewer are filled
     */
    public void truncate(int positions) {
        if (positions < 0 || positions > length) {
            throw new IllegalArgumentException("cache: cannot keep " + positions + " of " + length + " positions");
        }
        length = positions;
        expected = positions;
    }

    /**
     * Takes over the positions of another cache, in place of its own.
     *
     * @throws IllegalArgumentException if the other has layers of other shapes, another precision, or more positions
     *     than fit
     */
    public void copyFrom(SequenceCache other) {
        if (!layers.equals(other.layers) || precision != other.precision) {
            throw new IllegalArgumentException("cache: cannot copy one of other layers or precision");
        }
        truncate(0);
        reserve(other.length);
        for (int i = 0; i < other.buffers.size(); i++) {
            backend.copyKv(other.buffers.get(i), buffers.get(i), other.length);
        }
        expected = other.expected;
    }

    /** The memory of a layer. */
    public KvBuffer layer(int index) {
        return buffers.get(index);
    }

    private void grow(int wanted) {
        for (int i = 0; i < layers.size(); i++) {
            KvBuffer larger = backend.allocateKv(
                    wanted, layers.get(i).kvHeads(), layers.get(i).headDim(), precision);
            if (capacity == 0) {
                buffers.add(larger);
            } else {
                backend.copyKv(buffers.get(i), larger, length);
                buffers.set(i, larger);
            }
        }
        capacity = wanted;
    }
}
