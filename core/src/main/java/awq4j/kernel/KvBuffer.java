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
        I8,
        /**
         * Rounded to 4-bit integers once they are old, as KIVI does (Liu et al., 2024, section 3.2). A query at position q
         * reads positions below {@link #codedBefore} of q as codes and all later ones, its {@value #RECENT} to {@code
         * RECENT + GROUP - 1} latest, in float16: so what it reads follows from the two positions, not from the pieces in
         * which a text came.
         *
         * <p>Keys share a scale by feature: {@value #GROUP} positions of one feature of a head, from a multiple of it on.
         * Values share one by position: {@value #GROUP} features of a head, its last features perhaps fewer. Of the float16
         * numbers of a group, {@code scale = (max - min) / 15}, rounded to float16; {@code code = (x - min) / scale},
         * rounded half to even, 0 to 15; {@code x = code * scale + min}. If one of a group is NaN or infinite, all are NaN.
         *
         * <p>Float16 is forgotten behind the window. If more than {@code GROUP} of a sequence's latest positions are taken
         * back, what has been forgotten is recovered from the codes: later results may then differ, within the error of the
         * codes, from those of a sequence that never had these positions.
         */
        I4;

        /** Numbers that share a scale in {@link #I4}. */
        public static final int GROUP = 32;

        /** Latest positions, its own included, of which a query reads none from codes in {@link #I4}. */
        public static final int RECENT = 128;

        /**
         * Bytes of one head's key, or value, at one position; with {@link #I4} at a position that is read as codes, with its
         * share of scales, the larger of the two.
         */
        public long bytes(int headDim) {
            return switch (this) {
                case F32 -> 4L * headDim;
                case F16 -> 2L * headDim;
                case I8 -> headDim + 4L;
                case I4 -> (headDim + 1) / 2 + 2L * Short.BYTES * ((headDim + GROUP - 1) / GROUP);
            };
        }

        /**
         * The first position that a query reads in float16 because it is recent: all before are read as codes. 0 unless this
         * is {@link #I4}.
         *
         * @param query its position
         */
        public int codedBefore(int query) {
            return this == I4 ? Math.max(0, query + 1 - RECENT) / GROUP * GROUP : 0;
        }

        /**
         * Bytes of one head's keys, or values, that a query reads.
         *
         * @param query its position
         * @param first position that it sees
         */
        public long bytesRead(int first, int query, int headDim) {
            int coded = Math.max(0, codedBefore(query) - first);
            long recent = query + 1L - first - coded;
            return coded * bytes(headDim) + recent * (this == I4 ? F16 : this).bytes(headDim);
        }
    }
}
