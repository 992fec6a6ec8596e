package awq4j.format.gguf;

import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Q4_0, Q4_1 and Q8_0, which have one scale for 32 columns and codes of 4 or 8 bits: they become {@link Grouped} code for
 * code, and are made of it. Scales and biases are float16 numbers, exact as float32.
 */
public final class PlainBlocks {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Of arrays: an access to a memory segment takes long until the compiler has seen it a while. */
    private static final VarHandle SHORTS =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** Columns of a block. */
    public static final int COLUMNS = 32;

    private static final long LOW_NIBBLES = 0x0f0f0f0f0f0f0f0fL;
    private static final int ROWS_TOGETHER = 64;

    private static final Map<GgmlType, Grouped> LAYOUTS = Map.of(
            GgmlType.Q4_0, new Grouped(4, COLUMNS, ZeroPoint.MIDDLE),
            GgmlType.Q4_1, new Grouped(4, COLUMNS, ZeroPoint.FLOAT),
            GgmlType.Q8_0, new Grouped(8, COLUMNS, ZeroPoint.MIDDLE));

    private PlainBlocks() {}

    /** The layout of a type, empty if it is none of these. */
    public static Optional<Grouped> layout(GgmlType type) {
        return Optional.ofNullable(LAYOUTS.get(type));
    }

    /**
     * Takes a matrix out of its blocks; the result shares nothing with the file.
     *
     * @param layout of the type, see {@link #layout}
     * @param columns a multiple of {@value #COLUMNS}
     * @param data [rows, columns / 32] blocks
     * @param storedRow the row of the data that each row is
     */
    public static Weight unpack(
            String name,
            GgmlType type,
            Grouped layout,
            int rows,
            int columns,
            MemorySegment data,
            IntUnaryOperator storedRow) {
        int groups = columns / COLUMNS;
        byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
        float[] scales = new float[Math.multiplyExact(rows, groups)];
        float @Nullable [] biases = layout.zeroPoint() == ZeroPoint.FLOAT ? new float[scales.length] : null;
        var into = new Target(layout, columns, codes, scales, biases);
        int rowBytes = Math.multiplyExact(groups, type.blockBytes());
        IntStream.range(0, Math.ceilDiv(rows, ROWS_TOGETHER)).parallel().forEach(block -> {
            int end = Math.min(rows, (block + 1) * ROWS_TOGETHER);
            byte[] blocks = new byte[rowBytes];
            for (int row = block * ROWS_TOGETHER; row < end; row++) {
                long at = (long) storedRow.applyAsInt(row) * rowBytes;
                MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, blocks, 0, rowBytes);
                into.row(blocks, type.blockBytes(), row);
            }
        });
        return new Weight(
                name,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(scales),
                biases == null ? null : MemorySegment.ofArray(biases));
    }

    /**
     * Puts rows into blocks, the inverse of {@link #unpack}.
     *
     * @param weight of the type's {@link #layout}, scales and biases float16 numbers
     * @param rows of the weight, in the order of the data
     * @return [rows, columns / 32] blocks
     */
    public static byte[] pack(GgmlType type, Weight weight, int[] rows) {
        if (!(weight.layout() instanceof Grouped layout)
                || !layout.equals(LAYOUTS.get(type))
                || weight.columns() % COLUMNS != 0) {
            throw new IllegalArgumentException("weight " + weight.name() + ", " + weight.layout() + " of "
                    + weight.columns() + " columns, is not " + type);
        }
        int groups = weight.columns() / COLUMNS;
        byte[] blocks = new byte[Math.multiplyExact(rows.length, groups * type.blockBytes())];
        MemorySegment out = MemorySegment.ofArray(blocks);
        IntStream.range(0, rows.length).parallel().forEach(i -> {
            for (int g = 0; g < groups; g++) {
                block(weight, layout, rows[i], g, out, ((long) i * groups + g) * type.blockBytes());
            }
        });
        return blocks;
    }

    private static void block(Weight weight, Grouped layout, int row, int group, MemorySegment out, long at) {
        out.set(SHORT, at, half(weight, WeightCodec.scale(weight, layout, row, group)));
        long to = at + Short.BYTES;
        if (layout.zeroPoint() == ZeroPoint.FLOAT) {
            out.set(SHORT, to, half(weight, WeightCodec.bias(weight, layout, row, group)));
            to += Short.BYTES;
        }
        MemorySegment codes = weight.values();
        long from =
                (long) row * layout.rowBytes(weight.columns()) + (long) group * (COLUMNS * layout.storageBits() / 8);
        if (layout.storageBits() == 4) {
            long low = codes.get(LONG, from);
            long high = codes.get(LONG, from + 8);
            out.set(LONG, to, Long.expand(low, LOW_NIBBLES) | Long.expand(high, ~LOW_NIBBLES));
            out.set(LONG, to + 8, Long.expand(low >>> 32, LOW_NIBBLES) | Long.expand(high >>> 32, ~LOW_NIBBLES));
        } else {
            for (int j = 0; j < COLUMNS; j += Long.BYTES) {
                out.set(LONG, to + j, codes.get(LONG, from + j) ^ 0x8080808080808080L);
            }
        }
    }

    private static short half(Weight weight, float value) {
        short half = Float.floatToFloat16(value);
        if (Float.float16ToFloat(half) != value) {
            throw new IllegalArgumentException(
                    "weight " + weight.name() + ": " + value + " is no float16 number, as scales of GGUF blocks are");
        }
        return half;
    }

    /** Where the rows of a matrix go, from blocks in arrays. */
    private record Target(Grouped layout, int columns, byte[] codes, float[] scales, float @Nullable [] biases) {
        void row(byte[] blocks, int blockBytes, int row) {
            int groups = columns / COLUMNS;
            for (int g = 0; g < groups; g++) {
                block(blocks, g * blockBytes, row, row * groups + g, g);
            }
        }

        private void block(byte[] blocks, int at, int row, int place, int group) {
            scales[place] = half(blocks, at);
            int from = at + Short.BYTES;
            if (biases != null) {
                biases[place] = half(blocks, from);
                from += Short.BYTES;
            }
            int to = row * layout.rowBytes(columns) + group * (COLUMNS * layout.storageBits() / 8);
            if (layout.storageBits() == 4) {
                fourBits(blocks, from, to);
            } else {
                eightBits(blocks, from, to);
            }
        }

        /** Byte j has column j in its low half and column j + 16 in its high one; here neighbours share a byte. */
        private void fourBits(byte[] blocks, int from, int to) {
            long first = (long) LONGS.get(blocks, from);
            long second = (long) LONGS.get(blocks, from + 8);
            LONGS.set(codes, to, Long.compress(first, LOW_NIBBLES) | Long.compress(second, LOW_NIBBLES) << 32);
            LONGS.set(codes, to + 8, Long.compress(first, ~LOW_NIBBLES) | Long.compress(second, ~LOW_NIBBLES) << 32);
        }

        /** Signed bytes; with the upper bit turned over they are unsigned codes around 128. */
        private void eightBits(byte[] blocks, int from, int to) {
            for (int j = 0; j < COLUMNS; j += Long.BYTES) {
                LONGS.set(codes, to + j, (long) LONGS.get(blocks, from + j) ^ 0x8080808080808080L);
            }
        }

        private static float half(byte[] blocks, int at) {
            return Float.float16ToFloat((short) SHORTS.get(blocks, at));
        }
    }
}
