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
        F16,
        /**
         * Rounded to 8-bit integers, 1 byte a value: code = value * 127 / greatest, half to even, where greatest is the
         * largest magnitude of a head's key, or value, at a position; greatest / 127, a float, is kept beside the codes.
         * If one of them is NaN or infinite, all are NaN.
         */
        I8;

        /** Bytes of one head's key, or value, at one position. */
        public long bytes(int headDim) {
            return switch (this) {
                case F32 -> 4L * headDim;
                case F16 -> 2L * headDim;
                case I8 -> headDim + 4L;
            };
        }
    }
}
