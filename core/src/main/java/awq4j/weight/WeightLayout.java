package awq4j.weight;

import awq4j.tensor.DType;

/**
 * The few in-memory encodings a kernel may meet. Packings found in files are decoded or repacked into one of these when
 * a checkpoint is opened, so that formats and kernels add up instead of multiplying.
 */
public sealed interface WeightLayout {
    /** Row-major floats, [rows, columns], in the checkpoint's own type: F32, F16 or BF16. */
    record Dense(DType dtype) implements WeightLayout {
        /** @throws IllegalArgumentException if {@code dtype} is not F32, F16 or BF16 */
        public Dense {
            if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
                throw new IllegalArgumentException("dense weights are F32, F16 or BF16, was " + dtype);
            }
        }
    }

    /**
     * Unsigned codes in groups along a row: {@code value = scale * (code - zero)}, one (scale, zero) a group; or, with
     * {@link ZeroPoint#FLOAT}, {@code value = scale * code + bias}. The last group of a row may be shorter.
     *
     * @param bits width of a code, 2 to 8
     * @param groupSize columns that share a scale; the number of columns for one group a row
     */
    record Grouped(int bits, int groupSize, ZeroPoint zeroPoint) implements WeightLayout {
        /** @throws IllegalArgumentException if bits or group size are out of range */
        public Grouped {
            if (bits < 2 || bits > 8) {
                throw new IllegalArgumentException("bits must be in [2, 8], was " + bits);
            }
            if (groupSize < 1) {
                throw new IllegalArgumentException("groupSize must be positive, was " + groupSize);
            }
        }

        /** Groups in a row of {@code columns} values. */
        public int groups(int columns) {
            return Math.ceilDiv(columns, groupSize); // a file may state a group size near 2^31
        }

        /** Bytes of codes, scales and zeros of a whole weight. */
        public long sizeBytes(int rows, int columns) {
            long groups = (long) rows * groups(columns);
            return (long) rows * rowBytes(columns) + groups * Float.BYTES + groups * zeroPoint.bytes();
        }

        /** Bits that one code takes in {@link Weight#values}: 4 up to four bits, else 8. */
        public int storageBits() {
            return bits <= 4 ? 4 : 8;
        }

        /** Bytes that one row of codes takes in {@link Weight#values}; rows start on a byte. */
        public int rowBytes(int columns) {
            return storageBits() == 4 ? (columns + 1) / 2 : columns;
        }
    }

    /**
     * Blocks along a row as a GGUF file has them, one after the other.
     *
     * @param type what a block holds
     */
    record GgufBlock(GgufType type) implements WeightLayout {
        /** Bytes of one row of {@code columns} values, a whole number of blocks. */
        public long rowBytes(int columns) {
            return (long) columns / type.blockColumns() * type.blockBytes();
        }

        /** Bytes of a whole weight. */
        public long sizeBytes(int rows, int columns) {
            return rows * rowBytes(columns);
        }
    }

    /** How the zero of a group is given. */
    enum ZeroPoint {
        /** Fixed at {@code 2^(bits - 1)}: symmetric quantization; no zeros are stored. */
        MIDDLE(0),
        /** One unsigned integer a group, stored as a byte. */
        INTEGER(1),
        /** One float32 a group that is added to scale * code: the value of code 0, not a zero in codes. */
        FLOAT(Float.BYTES);

        private final int bytes;

        ZeroPoint(int bytes) {
            this.bytes = bytes;
        }

        /** Bytes a group in {@link Weight#zeros}. */
        public int bytes() {
            return bytes;
        }
    }
}
