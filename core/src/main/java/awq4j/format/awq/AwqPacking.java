package awq4j.format.awq;

import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/**
 * The three tensors of a packed linear of N rows (outputs) and K columns (inputs) in G groups: {@code qweight} int32
 * [K, words], {@code qzeros} int32 [G, words], {@code scales} float16 [G, N].
 *
 * <ul>
 *   <li>{@link Version#GEMM}: AutoAWQ's packing, what the hub, vLLM and transformers call {@code awq}. Four bits only;
 *       eight neighbouring rows a word, nibble i holding row {@code 8 c + ORDER[i]}.
 *   <li>{@link Version#DENSE}: for the other widths, ours: the codes of all rows follow each other without gaps, low
 *       bits first, each column starting a new word. No other tool reads it, and its name keeps them from trying.
 * </ul>
 *
 * In both, value = scale * (code - zero), with zeros stored as they are. A group runs along a row; only the dense
 * packing may end in a shorter group.
 */
public final class AwqPacking {
    /** Row of nibble i in a GEMM word. */
    private static final int[] ORDER = {0, 2, 4, 6, 1, 3, 5, 7};

    /** Columns per blocked step: 128 columns of 16 words stay in the first-level cache. */
    private static final int COLUMN_BLOCK = 128;

    private static final int WORD_BLOCK = 16;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private AwqPacking() {}

    /** How codes lie in words. */
    public enum Version {
        /** AutoAWQ's GEMM order. */
        GEMM("gemm"),
        /** A gapless stream of bits. */
        DENSE("awq4j-dense");

        private final String label;

        Version(String label) {
            this.label = label;
        }

        /** As in {@code quantization_config.version}. */
        public String label() {
            return label;
        }

        /** The packing that checkpoints of this width get. */
        public static Version forBits(int bits) {
            return bits == 4 ? GEMM : DENSE;
        }

        /**
         * The packing that a checkpoint names.
         *
         * @throws UnsupportedModelException if {@code label} is none of ours
         */
        public static Version of(String label) {
            for (Version version : values()) {
                if (version.label.equalsIgnoreCase(label)) {
                    return version;
                }
            }
            throw new UnsupportedModelException(
                    "AWQ version \"" + label + "\" is not supported; supported: gemm, awq4j-dense");
        }

        int words(int rows, int bits) {
            return switch (this) {
                case GEMM -> rows / 8;
                case DENSE -> Math.toIntExact(((long) rows * bits + 31) / 32);
            };
        }
    }

    /** The tensors of one linear. */
    public record Packed(Tensor qweight, Tensor qzeros, Tensor scales) {}

    /**
     * Whether the packing can hold a linear of this shape. GEMM wants rows in eights and whole groups, as its readers
     * do.
     */
    public static boolean fits(Version version, int rows, int columns, int groupSize) {
        return switch (version) {
            case GEMM -> rows % 8 == 0 && columns % groupSize == 0;
            case DENSE -> true;
        };
    }

    /**
     * Unpacks one linear; the result is on the heap and shares nothing with the tensors.
     *
     * @param groupSize columns a group, or -1 for whole rows
     * @throws UnsupportedModelException if the tensors' shapes or types do not fit together
     */
    public static Weight unpack(String name, Version version, int bits, int groupSize, Packed packed) {
        if (version == Version.GEMM && bits != 4) {
            throw new UnsupportedModelException(name + ": AWQ version gemm holds 4 bits, the file states " + bits);
        }
        Shape scaleShape = expectRank2(name + ".scales", packed.scales());
        Shape codeShape = expectRank2(name + ".qweight", packed.qweight());
        int rows = extent(name + ".scales", scaleShape, 1);
        int columns = extent(name + ".qweight", codeShape, 0);
        if ((long) rows * columns > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(
                    name + ": " + rows + " x " + columns + " is too large, at most 2^31 - 1 codes are read");
        }
        int size = groupSize == -1 ? columns : groupSize;
        Grouped layout = new Grouped(bits, size, ZeroPoint.INTEGER);
        int groups = layout.groups(columns);
        if (!fits(version, rows, columns, size)) {
            throw new UnsupportedModelException(
                    name + ": " + rows + " x " + columns + " cannot be packed with group size " + size);
        }
        int words = version.words(rows, bits);
        expect(name + ".qweight", packed.qweight(), Shape.of(columns, words));
        expect(name + ".qzeros", packed.qzeros(), Shape.of(groups, words));
        expectShape(name + ".scales", packed.scales(), Shape.of(groups, rows));
        if (!packed.scales().dtype().isFloat()) {
            throw new UnsupportedModelException(
                    name + ".scales: expected floats, found " + packed.scales().dtype());
        }
        byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
        MemorySegment source = packed.qweight().data();
        if (version == Version.GEMM) {
            IntStream.range(0, (words + WORD_BLOCK - 1) / WORD_BLOCK).parallel().forEach(block -> {
                int from = block * WORD_BLOCK;
                unpackGemm(source, words, columns, from, Math.min(words, from + WORD_BLOCK), codes);
            });
        } else {
            IntStream.range(0, (rows + 63) / 64)
                    .parallel()
                    .forEach(block -> unpackDense(source, words, layout, rows, columns, block * 64, codes));
        }
        byte[] zeros = new byte[rows * groups];
        for (int g = 0; g < groups; g++) {
            for (int row = 0; row < rows; row++) {
                zeros[row * groups + g] = (byte) code(packed.qzeros().data(), version, bits, words, g, row);
            }
        }
        float[] stored = packed.scales().toFloats();
        float[] scales = new float[stored.length];
        for (int g = 0; g < groups; g++) {
            for (int row = 0; row < rows; row++) {
                scales[row * groups + g] = stored[g * rows + row];
            }
        }
        return new Weight(
                name,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(scales),
                MemorySegment.ofArray(zeros));
    }

    /**
     * Packs a quantized linear; scales are rounded to float16, which loses nothing if they were chosen among them.
     *
     * @throws IllegalArgumentException if the weight is dense, has biases, or does not fit, see {@link #fits}
     */
    public static Packed pack(Weight weight) {
        if (!(weight.layout() instanceof Grouped layout)) {
            throw new IllegalArgumentException("weight " + weight.name() + " is not quantized: " + weight.layout());
        }
        if (layout.zeroPoint() == ZeroPoint.FLOAT) {
            throw new IllegalArgumentException(
                    "weight " + weight.name() + " has biases, the packing holds zeros: " + layout);
        }
        Version version = Version.forBits(layout.bits());
        int rows = weight.rows();
        int columns = weight.columns();
        if (!fits(version, rows, columns, layout.groupSize())) {
            throw new IllegalArgumentException("weight " + weight.name() + ": " + rows + " x " + columns
                    + " does not fit the packing with group size " + layout.groupSize());
        }
        int words = version.words(rows, layout.bits());
        int groups = layout.groups(columns);
        int[] qweight = new int[Math.multiplyExact(columns, words)];
        byte[] codes = weight.values().toArray(ValueLayout.JAVA_BYTE);
        IntStream.range(0, (columns + COLUMN_BLOCK - 1) / COLUMN_BLOCK)
                .parallel()
                .forEach(block -> {
                    int from = block * COLUMN_BLOCK;
                    int to = Math.min(columns, from + COLUMN_BLOCK);
                    for (int row = 0; row < rows; row++) {
                        int start = row * layout.rowBytes(columns);
                        for (int k = from; k < to; k++) {
                            int code = layout.storageBits() == 4
                                    ? (codes[start + k / 2] >>> ((k & 1) * 4)) & 15
                                    : codes[start + k] & 0xff;
                            put(qweight, version, layout.bits(), k * words, row, code);
                        }
                    }
                });
        int[] qzeros = new int[groups * words];
        short[] scales = new short[groups * rows];
        MemorySegment zeros = weight.zeros();
        MemorySegment weightScales = java.util.Objects.requireNonNull(weight.scales());
        int middle = 1 << (layout.bits() - 1);
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < groups; g++) {
                long at = (long) row * groups + g;
                int zero = zeros == null ? middle : zeros.get(ValueLayout.JAVA_BYTE, at) & 0xff;
                put(qzeros, version, layout.bits(), g * words, row, zero);
                scales[g * rows + row] = Float.floatToFloat16(weightScales.get(FLOAT, at * 4));
            }
        }
        return new Packed(
                Tensor.ofInts(qweight, columns, words),
                Tensor.ofInts(qzeros, groups, words),
                new Tensor(DType.F16, Shape.of(groups, rows), MemorySegment.ofArray(scales)));
    }

    private static void unpackGemm(
            MemorySegment source, int words, int columns, int wordFrom, int wordTo, byte[] codes) {
        int rowBytes = (columns + 1) / 2;
        for (int block = 0; block < columns; block += COLUMN_BLOCK) {
            int end = Math.min(columns, block + COLUMN_BLOCK);
            for (int word = wordFrom; word < wordTo; word++) {
                int firstRow = word * 8;
                for (int k = block; k < end; k += 2) {
                    int even = source.get(INT, ((long) k * words + word) * 4);
                    int odd = k + 1 < end ? source.get(INT, ((long) (k + 1) * words + word) * 4) : 0;
                    for (int i = 0; i < 8; i++) {
                        int pair = ((even >>> (4 * i)) & 15) | (((odd >>> (4 * i)) & 15) << 4);
                        codes[(firstRow + ORDER[i]) * rowBytes + k / 2] = (byte) pair;
                    }
                }
            }
        }
    }

    private static void unpackDense(
            MemorySegment source, int words, Grouped layout, int rows, int columns, int rowFrom, byte[] codes) {
        int rowBytes = layout.rowBytes(columns);
        int rowTo = Math.min(rows, rowFrom + 64);
        for (int k = 0; k < columns; k++) {
            for (int row = rowFrom; row < rowTo; row++) {
                int code = code(source, Version.DENSE, layout.bits(), words, k, row);
                if (layout.storageBits() == 4) {
                    codes[row * rowBytes + k / 2] |= (byte) (code << ((k & 1) * 4));
                } else {
                    codes[row * rowBytes + k] = (byte) code;
                }
            }
        }
    }

    /** The code of {@code row} in line {@code line} (a column or a group). */
    private static int code(MemorySegment source, Version version, int bits, int words, int line, int row) {
        long start = (long) line * words;
        return switch (version) {
            case GEMM -> (source.get(INT, (start + row / 8) * 4) >>> (4 * position(row % 8))) & 15;
            case DENSE -> {
                long bit = (long) row * bits;
                long word = start + bit / 32;
                int shift = (int) (bit % 32);
                long low = source.get(INT, word * 4) & 0xffff_ffffL;
                long high = shift + bits > 32 ? source.get(INT, (word + 1) * 4) & 0xffff_ffffL : 0;
                yield (int) (((high << 32 | low) >>> shift) & ((1 << bits) - 1));
            }
        };
    }

    private static void put(int[] target, Version version, int bits, int start, int row, int code) {
        switch (version) {
            case GEMM -> target[start + row / 8] |= code << (4 * position(row % 8));
            case DENSE -> {
                long bit = (long) row * bits;
                int word = start + (int) (bit / 32);
                int shift = (int) (bit % 32);
                target[word] |= code << shift;
                if (shift + bits > 32) {
                    target[word + 1] |= code >>> (32 - shift);
                }
            }
        }
    }

    /** The nibble that holds row r of eight: the inverse of {@link #ORDER}. */
    private static int position(int r) {
        return (r & 1) * 4 + r / 2;
    }

    private static int extent(String name, Shape shape, int axis) {
        long extent = shape.dim(axis);
        if (extent < 1 || extent > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(name + ": expected extents from 1 to 2^31 - 1, found " + shape);
        }
        return (int) extent;
    }

    private static Shape expectRank2(String name, Tensor tensor) {
        if (tensor.shape().rank() != 2) {
            throw new UnsupportedModelException(name + ": expected two extents, found " + tensor.shape());
        }
        return tensor.shape();
    }

    private static void expect(String name, Tensor tensor, Shape shape) {
        if (tensor.dtype() != DType.I32) {
            throw new UnsupportedModelException(name + ": expected I32, found " + tensor.dtype());
        }
        expectShape(name, tensor, shape);
    }

    private static void expectShape(String name, Tensor tensor, Shape shape) {
        if (!tensor.shape().equals(shape)) {
            throw new UnsupportedModelException(name + ": expected " + shape + ", found " + tensor.shape());
        }
    }
}
