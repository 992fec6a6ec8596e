package awq4j.format.gptq;

import awq4j.format.CodeStream;
import awq4j.format.GroupIndex;
import awq4j.format.PackedPart;
import awq4j.format.PackedTensors;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a GPTQ-packed linear of N rows (outputs) and K columns (inputs) in G groups: {@code qweight} int32
 * [K * bits / 32, N], a stream of codes down each row's own column of words; {@code qzeros} int32 [G, N * bits / 32];
 * {@code scales} [G, N]; {@code g_idx} int32 [K], the group of each column, which may be missing.
 *
 * <p>Value = scale * (code - zero). {@link Version#V1} stores zeros less one, without borrowing: a zero of 0 is stored as
 * the greatest code.
 */
public final class GptqPacking {
    /** The widths that files have. */
    public static final List<Integer> WIDTHS = List.of(2, 3, 4, 8);

    /** Rows whose words are read together: a cache line of them. */
    private static final int ROW_BLOCK = 16;

    /** Rows whose scales and zeros are put in order together. */
    private static final int SCALE_BLOCK = 64;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private GptqPacking() {}

    /** How zeros are stored. */
    public enum Version {
        /** Less one: what {@code checkpoint_format} calls {@code gptq}. */
        V1("gptq"),
        /** As they are. */
        V2("gptq_v2");

        private final String label;

        Version(String label) {
            this.label = label;
        }

        /** As in {@code quantization_config.checkpoint_format}. */
        public String label() {
            return label;
        }

        /**
         * The version that a checkpoint names.
         *
         * @throws UnsupportedModelException if {@code label} is none of ours
         */
        public static Version of(String label) {
            for (Version version : values()) {
                if (version.label.equals(label)) {
                    return version;
                }
            }
            throw new UnsupportedModelException(
                    "GPTQ checkpoint_format \"" + label + "\" is not supported; supported: gptq, gptq_v2");
        }

        private int stored(int zero, int bits) {
            return (this == V1 ? zero - 1 : zero) & ((1 << bits) - 1);
        }

        private int zero(int stored, int bits) {
            return (this == V1 ? stored + 1 : stored) & ((1 << bits) - 1);
        }
    }

    /** The tensors of one linear. */
    public record Packed(
            Tensor qweight,
            Tensor qzeros,
            Tensor scales,
            @Nullable Tensor groupIndex) {}

    /** Whether codes and zeros of a linear of this shape fill whole words, as readers want it. */
    public static boolean fits(int bits, int rows, int columns) {
        return (long) rows * bits % 32 == 0 && (long) columns * bits % 32 == 0;
    }

    /**
     * Rows and columns by the shape of {@code qweight} alone.
     *
     * @throws UnsupportedModelException if it has not two extents, or extents that no linear has
     */
    public static Shape shape(String name, int bits, Tensor qweight) {
        PackedTensors.expectType(name + ".qweight", qweight, DType.I32);
        Shape shape = PackedTensors.rank2(name + ".qweight", qweight);
        int lines = PackedTensors.extent(name + ".qweight", shape, 0, 1);
        long columns = lines * 32L / bits;
        if (lines * 32L % bits != 0 || columns > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(
                    name + ".qweight: " + lines + " words a row do not hold whole codes of " + bits + " bits");
        }
        return Shape.of(PackedTensors.extent(name + ".qweight", shape, 1, 1), columns);
    }

    /**
     * Unpacks one linear; the result is on the heap and shares nothing with the tensors. If {@code g_idx} spreads groups
     * over the row, its columns are sorted by group and it has an {@link Weight#inputOrder}.
     *
     * @param groupSize columns a group, or -1 for whole rows
     * @throws UnsupportedModelException if the tensors' shapes or types do not fit together
     */
    public static Weight unpack(String name, Version version, int bits, int groupSize, Packed packed) {
        Shape shape = shape(name, bits, packed.qweight());
        int rows = (int) shape.dim(0);
        int columns = (int) shape.dim(1);
        PackedTensors.limit(name, rows, columns);
        var layout = new Grouped(bits, groupSize == -1 ? columns : groupSize, ZeroPoint.INTEGER);
        int groups = layout.groups(columns);
        int words = CodeStream.words(rows, bits);
        PackedTensors.expect(name + ".qzeros", packed.qzeros(), DType.I32, Shape.of(groups, words));
        PackedTensors.expectFloats(name + ".scales", packed.scales(), Shape.of(groups, rows));
        InputOrder order = GroupIndex.order(name + ".g_idx", packed.groupIndex(), columns, layout.groupSize());
        MemorySegment source = packed.qweight().data();
        MemorySegment values;
        if (order == null && layout.storageBits() == bits) {
            values = WordColumns.transposed(source, CodeStream.words(columns, bits), rows);
        } else {
            byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
            values = MemorySegment.ofArray(codes);
            var places = new Places(layout, rows, columns, order);
            IntStream.range(0, Math.ceilDiv(rows, ROW_BLOCK)).parallel().forEach(block -> {
                int from = block * ROW_BLOCK;
                places.unpack(source, from, Math.min(rows, from + ROW_BLOCK), codes);
            });
        }
        byte[] zeros = new byte[rows * groups];
        float[] stored = packed.scales().toFloats();
        float[] scales = new float[stored.length];
        IntStream.range(0, Math.ceilDiv(rows, SCALE_BLOCK)).parallel().forEach(block -> {
            int to = Math.min(rows, (block + 1) * SCALE_BLOCK);
            for (int g = 0; g < groups; g++) {
                for (int row = block * SCALE_BLOCK; row < to; row++) {
                    int zero = CodeStream.get(packed.qzeros().data(), (long) g * words, 1, bits, row);
                    zeros[row * groups + g] = (byte) version.zero(zero, bits);
                    scales[row * groups + g] = stored[g * rows + row];
                }
            }
        });
        return new Weight(
                name,
                rows,
                columns,
                layout,
                values,
                MemorySegment.ofArray(scales),
                MemorySegment.ofArray(zeros),
                order);
    }

    /**
     * Packs a quantized linear; scales are rounded to float16, which loses nothing if they were chosen among them.
     *
     * @throws IllegalArgumentException if the weight is dense, has biases, or does not fit, see {@link #fits}
     */
    public static Packed pack(Weight weight, Version version) {
        if (!(weight.layout() instanceof Grouped layout) || layout.zeroPoint() == ZeroPoint.FLOAT) {
            throw new IllegalArgumentException(
                    "weight " + weight.name() + " has no codes with zeros that GPTQ could pack: " + weight.layout());
        }
        int rows = weight.rows();
        int columns = weight.columns();
        int bits = layout.bits();
        if (!WIDTHS.contains(bits) || !fits(bits, rows, columns)) {
            throw new IllegalArgumentException("weight " + weight.name() + ": " + rows + " x " + columns
                    + " does not fit GPTQ's packing of " + bits + " bits");
        }
        int groups = layout.groups(columns);
        int words = CodeStream.words(rows, bits);
        int lines = CodeStream.words(columns, bits);
        int[] qweight = new int[Math.multiplyExact(lines, rows)];
        byte[] codes = weight.values().toArray(ValueLayout.JAVA_BYTE);
        var places = new Places(layout, rows, columns, weight.inputOrder());
        IntStream.range(0, Math.ceilDiv(rows, ROW_BLOCK)).parallel().forEach(block -> {
            int from = block * ROW_BLOCK;
            places.pack(codes, from, Math.min(rows, from + ROW_BLOCK), qweight);
        });
        int[] qzeros = new int[groups * words];
        short[] scales = new short[groups * rows];
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < groups; g++) {
                int zero = version.stored(WeightCodec.zero(weight, layout, row, g), bits);
                CodeStream.put(qzeros, g * words, 1, bits, row, zero);
                scales[g * rows + row] = Float.floatToFloat16(WeightCodec.scale(weight, layout, row, g));
            }
        }
        return new Packed(
                Tensor.ofInts(qweight, lines, rows),
                Tensor.ofInts(qzeros, groups, words),
                new Tensor(DType.F16, Shape.of(groups, rows), MemorySegment.ofArray(scales)),
                GroupIndex.of(columns, layout.groupSize(), weight.inputOrder()));
    }

    /** The tensors that {@link #pack} makes of a linear, in the order of {@link Packed}. */
    public static List<PackedPart> parts(int rows, int columns, Grouped layout) {
        long groups = layout.groups(columns);
        return List.of(
                new PackedPart("qweight", DType.I32, Shape.of(CodeStream.words(columns, layout.bits()), rows)),
                new PackedPart("qzeros", DType.I32, Shape.of(groups, CodeStream.words(rows, layout.bits()))),
                new PackedPart("scales", DType.F16, Shape.of(groups, rows)),
                new PackedPart("g_idx", DType.I32, Shape.of(columns)));
    }

    /** Bytes that {@link #pack} makes of a linear. */
    public static long sizeBytes(int rows, int columns, Grouped layout) {
        return PackedPart.sizeBytes(parts(rows, columns, layout));
    }

    /** Codes between streams in the order of inputs and rows in the order of stored columns. */
    private record Places(Grouped layout, int rows, int columns, int @Nullable [] places) {
        Places(Grouped layout, int rows, int columns, @Nullable InputOrder order) {
            this(layout, rows, columns, inverse(order));
        }

        private static int @Nullable [] inverse(@Nullable InputOrder order) {
            if (order == null) {
                return null;
            }
            int[] places = new int[order.size()];
            for (int column = 0; column < places.length; column++) {
                places[order.input(column)] = column;
            }
            return places;
        }

        /** Takes a few rows out of their streams. Rows of bytes are zero before. */
        void unpack(MemorySegment source, int rowFrom, int rowTo, byte[] codes) {
            int bits = layout.bits();
            int mask = (1 << bits) - 1;
            int rowBytes = layout.rowBytes(columns);
            boolean nibbles = layout.storageBits() == 4;
            long[] ahead = new long[ROW_BLOCK]; // bits read and not yet used, one stream a row
            int have = 0;
            long line = 0;
            for (int input = 0; input < columns; input++) {
                if (have < bits) {
                    for (int row = rowFrom; row < rowTo; row++) {
                        long word = source.get(INT, (line * rows + row) * Integer.BYTES) & 0xffff_ffffL;
                        ahead[row - rowFrom] |= word << have;
                    }
                    have += 32;
                    line++;
                }
                int column = places == null ? input : places[input];
                int at = nibbles ? column / 2 : column;
                int shift = nibbles ? column % 2 * 4 : 0;
                for (int row = rowFrom; row < rowTo; row++) {
                    codes[row * rowBytes + at] |= (byte) (((int) ahead[row - rowFrom] & mask) << shift);
                    ahead[row - rowFrom] >>>= bits;
                }
                have -= bits;
            }
        }

        /** Puts a few rows into their streams, which end with a whole word. */
        void pack(byte[] codes, int rowFrom, int rowTo, int[] qweight) {
            int bits = layout.bits();
            int rowBytes = layout.rowBytes(columns);
            boolean nibbles = layout.storageBits() == 4;
            long[] ahead = new long[ROW_BLOCK];
            int have = 0;
            int line = 0;
            for (int input = 0; input < columns; input++) {
                int column = places == null ? input : places[input];
                for (int row = rowFrom; row < rowTo; row++) {
                    long code = nibbles
                            ? (codes[row * rowBytes + column / 2] >>> (column % 2 * 4)) & 15
                            : codes[row * rowBytes + column] & 0xff;
                    ahead[row - rowFrom] |= code << have;
                }
                have += bits;
                if (have >= 32) {
                    for (int row = rowFrom; row < rowTo; row++) {
                        qweight[line * rows + row] = (int) ahead[row - rowFrom];
                        ahead[row - rowFrom] >>>= 32;
                    }
                    have -= 32;
                    line++;
                }
            }
        }
    }
}
