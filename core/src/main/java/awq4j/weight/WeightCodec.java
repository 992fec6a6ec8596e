package awq4j.weight;

import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** What the numbers of a {@link Weight} are: the definition every kernel is compared with. */
public final class WeightCodec {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private WeightCodec() {}

    /** All values, row-major, [rows, columns]; for tests and small weights. */
    public static float[] decode(Weight weight) {
        float[] out = new float[Math.multiplyExact(weight.rows(), weight.columns())];
        float[] row = new float[weight.columns()];
        for (int r = 0; r < weight.rows(); r++) {
            decodeRow(weight, r, row);
            System.arraycopy(row, 0, out, r * row.length, row.length);
        }
        return out;
    }

    /**
     * The values of one row as float32, in the order of the inputs: {@code scale * (code - zero)}, the difference in
     * integers, or {@code scale * code + bias}; of GGUF blocks what {@link BlockParts} says. One rounding.
     *
     * @param out at least {@code weight.columns()} values
     */
    public static void decodeRow(Weight weight, int row, float[] out) {
        InputOrder order = weight.inputOrder();
        if (order == null) {
            decodeStored(weight, row, out, 0);
            return;
        }
        float[] stored = new float[weight.columns()];
        decodeStored(weight, row, stored, 0);
        order.scatter(stored, 0, out, 0);
    }

    /** As {@link #decodeRow}, but in the order of the stored columns, and to {@code out} from {@code at} on. */
    public static void decodeStored(Weight weight, int row, float[] out, int at) {
        int columns = weight.columns();
        switch (weight.layout()) {
            case Dense dense -> {
                long bytes = (long) columns * dense.dtype().bytes();
                MemorySegment part = weight.values().asSlice(row * bytes, bytes);
                new Tensor(dense.dtype(), Shape.of(columns), part).copyTo(0, out, at, columns);
            }
            case Grouped grouped -> decodeGroups(weight, grouped, row, out, at);
            case GgufBlock blocks -> {
                GgufType type = blocks.type();
                var parts = new BlockParts(type);
                long from = row * blocks.rowBytes(columns);
                for (int k = 0; k < columns; k += type.blockColumns(), from += type.blockBytes()) {
                    parts.read(weight.values(), from);
                    parts.decode(out, at + k);
                }
            }
        }
    }

    private static void decodeGroups(Weight weight, Grouped layout, int row, float[] out, int at) {
        int columns = weight.columns();
        byte[] codes = rowCodes(weight, layout, row);
        boolean nibbles = layout.storageBits() == 4;
        for (int g = 0, from = 0; from < columns; g++) {
            int end = from + Math.min(layout.groupSize(), columns - from);
            float scale = scale(weight, layout, row, g);
            if (layout.zeroPoint() == ZeroPoint.FLOAT) {
                float bias = bias(weight, layout, row, g);
                for (int k = from; k < end; k++) {
                    out[at + k] = Math.fma(scale, code(codes, nibbles, k), bias);
                }
            } else {
                int zero = zero(weight, layout, row, g);
                int k = nibbles && from % 2 == 0 ? decodePairs(codes, from, end, scale, zero, out, at) : from;
                for (; k < end; k++) {
                    out[at + k] = scale * (code(codes, nibbles, k) - zero);
                }
            }
            from = end;
        }
    }

    /** Columns that share a byte, from an even one on; half the time of one after the other. Where it ended. */
    private static int decodePairs(byte[] codes, int from, int end, float scale, int zero, float[] out, int at) {
        int k = from;
        for (; k + 1 < end; k += 2) {
            int pair = codes[k >> 1];
            out[at + k] = scale * ((pair & 15) - zero);
            out[at + k + 1] = scale * (((pair >>> 4) & 15) - zero);
        }
        return k;
    }

    /** The codes of a row, as they are stored: in an array, where reading one takes a fraction of the time. */
    public static byte[] rowCodes(Weight weight, Grouped layout, int row) {
        byte[] codes = new byte[layout.rowBytes(weight.columns())];
        MemorySegment.copy(weight.values(), ValueLayout.JAVA_BYTE, (long) row * codes.length, codes, 0, codes.length);
        return codes;
    }

    /**
     * The unsigned code of a column.
     *
     * @param codes of a row, see {@link #rowCodes}
     * @param nibbles whether two of them share a byte, the even column's low
     */
    public static int code(byte[] codes, boolean nibbles, int column) {
        return nibbles ? (codes[column >> 1] >>> ((column & 1) * 4)) & 15 : codes[column] & 0xff;
    }

    /** The unsigned code at a place; {@code column} is the stored one. */
    public static int code(Weight weight, Grouped layout, int row, int column) {
        long start = (long) row * layout.rowBytes(weight.columns());
        return layout.storageBits() == 4
                ? (weight.values().get(ValueLayout.JAVA_BYTE, start + column / 2) >>> ((column & 1) * 4)) & 15
                : weight.values().get(ValueLayout.JAVA_BYTE, start + column) & 0xff;
    }

    /** The scale of a group. */
    public static float scale(Weight weight, Grouped layout, int row, int group) {
        long at = (long) row * layout.groups(weight.columns()) + group;
        return java.util.Objects.requireNonNull(weight.scales()).get(FLOAT, at * Float.BYTES);
    }

    /**
     * The zero of a group, in codes.
     *
     * @throws IllegalArgumentException if the layout has biases in place of zeros
     */
    public static int zero(Weight weight, Grouped layout, int row, int group) {
        return switch (layout.zeroPoint()) {
            case MIDDLE -> 1 << (layout.bits() - 1);
            case INTEGER -> {
                long at = (long) row * layout.groups(weight.columns()) + group;
                yield java.util.Objects.requireNonNull(weight.zeros()).get(ValueLayout.JAVA_BYTE, at) & 0xff;
            }
            case FLOAT -> throw new IllegalArgumentException("weight " + weight.name() + " has biases, not zeros");
        };
    }

    /**
     * What a group adds to scale * code: its bias.
     *
     * @throws IllegalArgumentException if the layout has zeros in place of biases
     */
    public static float bias(Weight weight, Grouped layout, int row, int group) {
        if (layout.zeroPoint() != ZeroPoint.FLOAT) {
            throw new IllegalArgumentException("weight " + weight.name() + " has zeros, not biases");
        }
        long at = (long) row * layout.groups(weight.columns()) + group;
        return java.util.Objects.requireNonNull(weight.zeros()).get(FLOAT, at * Float.BYTES);
    }
}
