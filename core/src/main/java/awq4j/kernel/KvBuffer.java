package awq4j.kernel;

/**
 * Keys and values of one layer and one sequence, [capacity, kvHeads, headDim] each, in a backend's memory. Which
 * positions are filled is known to the caller.
 */
public interface KvBuffer {
    /** Positions that fit. */
    int capacity();

    /** Bytes of keys and values together. */
    long sizeBytes();

    /** The stored precision. */
    KvPrecision precision();

    /** Precisions in which keys and values can be stored. */
    enum KvPrecision {
        /** As computed, 4 bytes a value. */
        F32,
        /** Rounded to half precision, 2 bytes a value. */
        F16
    }
}
