package awq4j.format.awq;

import awq4j.format.CodeStream;
import awq4j.format.PackedTensors;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/**
 * A line of words for each column: {@code qweight} int32 [K, words], {@code qzeros} int32 [G, words], {@code scales}
 * [G, N]. GEMM has whole words of neighbouring rows, shuffled; the dense version a stream of all rows.
 */
record ColumnOrder(Version version, Grouped layout, int rows, int columns) {
    /** Row of each byte in a GEMM word of 8-bit codes. */
    private static final int[] BYTES = {0, 2, 1, 3};

    /** Columns whose words are packed, or taken apart, together: their codes fill a cache line of a row. */
    private static final int COLUMN_BLOCK = 128;

    /** Words of a column that are copied at once, those of 512 rows. */
    private static final int WORD_BLOCK = 64;

    /** Ints from one column's words to the next one's: no power of two, so that caches hold all of them. */
    private static final int STRIDE = WORD_BLOCK + 16;

    /** Columns that a thread takes apart before it asks for more. */
    private static final int TASK = 8 * COLUMN_BLOCK;

    private static final int LOW_NIBBLES = 0x0f0f0f0f;

    /** Columns whose words are taken apart at once: a long of each row. */
    private static final int SQUARE = 16;

    private static final boolean LITTLE = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private static final int ROW_BLOCK = 64;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private int words() {
        return CodeStream.words(rows, layout.bits());
    }

    private int groups() {
        return layout.groups(columns);
    }

    Weight unpack(String name, Packed packed) {
        int words = words();
        int groups = groups();
        PackedTensors.expect(name + ".qweight", packed.qweight(), DType.I32, Shape.of(columns, words));
        PackedTensors.expect(name + ".qzeros", packed.qzeros(), DType.I32, Shape.of(groups, words));
        PackedTensors.expectFloats(name + ".scales", packed.scales(), Shape.of(groups, rows));
        MemorySegment source = packed.qweight().data();
        MemorySegment values;
        if (version == Version.GEMM && layout.bits() == 4 && columns % SQUARE == 0) {
            long[] codes = new long[Math.multiplyExact(rows, columns / SQUARE)];
            values = MemorySegment.ofArray(codes);
            int across = Math.ceilDiv(words, WORD_BLOCK);
            IntStream.range(0, across * Math.ceilDiv(columns, TASK)).parallel().forEach(task -> {
                int word = task % across * WORD_BLOCK;
                int column = task / across * TASK;
                unpackNibbles(source, word, Math.min(words, word + WORD_BLOCK), column, codes);
            });
        } else {
            byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
            values = MemorySegment.ofArray(codes);
            IntStream.range(0, Math.ceilDiv(rows, ROW_BLOCK))
                    .parallel()
                    .forEach(block -> unpack(source, block * ROW_BLOCK, codes));
        }
        byte[] zeros = new byte[rows * groups];
        float[] stored = packed.scales().toFloats();
        float[] scales = new float[stored.length];
        IntStream.range(0, Math.ceilDiv(rows, ROW_BLOCK)).parallel().forEach(block -> {
            int to = Math.min(rows, (block + 1) * ROW_BLOCK);
            for (int g = 0; g < groups; g++) {
                for (int row = block * ROW_BLOCK; row < to; row++) {
                    zeros[row * groups + g] = (byte) code(packed.qzeros().data(), g, row);
                    scales[row * groups + g] = stored[g * rows + row];
                }
            }
        });
        return new Weight(
                name, rows, columns, layout, values, MemorySegment.ofArray(scales), MemorySegment.ofArray(zeros));
    }

    /** @param codes receives [rows, columns / 16]: bytes in the order of the weight's */
    private void unpackNibbles(MemorySegment source, int wordFrom, int wordTo, int columnFrom, long[] codes) {
        int words = words();
        int width = wordTo - wordFrom;
        int end = Math.min(columns, columnFrom + TASK);
        int[] block = new int[COLUMN_BLOCK * STRIDE];
        for (int first = columnFrom; first < end; first += COLUMN_BLOCK) {
            int count = Math.min(COLUMN_BLOCK, end - first);
            for (int k = 0; k < count; k++) {
                long at = ((long) (first + k) * words + wordFrom) * Integer.BYTES;
                MemorySegment.copy(source, INT, at, block, k * STRIDE, width);
            }
            for (int word = 0; word < width; word++) {
                int to = (wordFrom + word) * 8 * (columns / SQUARE) + first / SQUARE;
                for (int k = 0; k < count; k += SQUARE) {
                    unpackWords(block, k * STRIDE + word, codes, to + k / SQUARE, columns / SQUARE);
                }
            }
        }
    }

    /**
     * Takes the words of 16 columns apart.
     *
     * @param at of the first column's word
     * @param to of the first of the words' eight rows
     * @param width of a row
     */
    private static void unpackWords(int[] block, int at, long[] codes, int to, int width) {
        int x0 = block[at];
        int y0 = block[at + STRIDE];
        int x1 = block[at + 2 * STRIDE];
        int y1 = block[at + 3 * STRIDE];
        int x2 = block[at + 4 * STRIDE];
        int y2 = block[at + 5 * STRIDE];
        int x3 = block[at + 6 * STRIDE];
        int y3 = block[at + 7 * STRIDE];
        int x4 = block[at + 8 * STRIDE];
        int y4 = block[at + 9 * STRIDE];
        int x5 = block[at + 10 * STRIDE];
        int y5 = block[at + 11 * STRIDE];
        int x6 = block[at + 12 * STRIDE];
        int y6 = block[at + 13 * STRIDE];
        int x7 = block[at + 14 * STRIDE];
        int y7 = block[at + 15 * STRIDE];
        long a = pair(low(x0, y0), low(x4, y4));
        long b = pair(low(x1, y1), low(x5, y5));
        long c = pair(low(x2, y2), low(x6, y6));
        long d = pair(low(x3, y3), low(x7, y7));
        turn(a, b, c, d, codes, to, width);
        a = pair(high(x0, y0), high(x4, y4));
        b = pair(high(x1, y1), high(x5, y5));
        c = pair(high(x2, y2), high(x6, y6));
        d = pair(high(x3, y3), high(x7, y7));
        turn(a, b, c, d, codes, to + 2 * width, width);
    }

    /** A byte of each even nibble of two words. */
    private static int low(int even, int odd) {
        return (even & LOW_NIBBLES) | ((odd & LOW_NIBBLES) << 4);
    }

    /** A byte of each odd nibble of two words. */
    private static int high(int even, int odd) {
        return ((even >>> 4) & LOW_NIBBLES) | (odd & ~LOW_NIBBLES);
    }

    /**
     * Turns two squares of four times four bytes, first pairs of bytes, then bytes; what was byte 0, 1, 2 and 3 of each
     * goes to rows 0, 4, 1 and 5.
     */
    private static void turn(long a, long b, long c, long d, long[] codes, int to, int width) {
        long t = ((a >>> 16) ^ c) & 0x0000ffff0000ffffL;
        long a2 = a ^ (t << 16);
        long c2 = c ^ t;
        t = ((b >>> 16) ^ d) & 0x0000ffff0000ffffL;
        long b2 = b ^ (t << 16);
        long d2 = d ^ t;
        t = ((a2 >>> 8) ^ b2) & 0x00ff00ff00ff00ffL;
        codes[to] = inMemory(a2 ^ (t << 8));
        codes[to + 4 * width] = inMemory(b2 ^ t);
        t = ((c2 >>> 8) ^ d2) & 0x00ff00ff00ff00ffL;
        codes[to + width] = inMemory(c2 ^ (t << 8));
        codes[to + 5 * width] = inMemory(d2 ^ t);
    }

    private static long pair(int low, int high) {
        return (low & 0xffff_ffffL) | ((long) high << 32);
    }

    /** The value whose bytes lie in memory as those of a little-endian one. */
    private static long inMemory(long value) {
        return LITTLE ? value : Long.reverseBytes(value);
    }

    private void unpack(MemorySegment source, int rowFrom, byte[] codes) {
        int rowBytes = layout.rowBytes(columns);
        int rowTo = Math.min(rows, rowFrom + ROW_BLOCK);
        for (int k = 0; k < columns; k++) {
            for (int row = rowFrom; row < rowTo; row++) {
                int code = code(source, k, row);
                if (layout.storageBits() == 4) {
                    codes[row * rowBytes + k / 2] |= (byte) (code << ((k & 1) * 4));
                } else {
                    codes[row * rowBytes + k] = (byte) code;
                }
            }
        }
    }

    Packed pack(Weight weight) {
        int words = words();
        int groups = groups();
        int[] qweight = new int[Math.multiplyExact(columns, words)];
        byte[] codes = weight.values().toArray(ValueLayout.JAVA_BYTE);
        int rowBytes = layout.rowBytes(columns);
        IntStream.range(0, Math.ceilDiv(columns, COLUMN_BLOCK)).parallel().forEach(block -> {
            int from = block * COLUMN_BLOCK;
            int to = Math.min(columns, from + COLUMN_BLOCK);
            for (int row = 0; row < rows; row++) {
                int start = row * rowBytes;
                for (int k = from; k < to; k++) {
                    int code = layout.storageBits() == 4
                            ? (codes[start + k / 2] >>> ((k & 1) * 4)) & 15
                            : codes[start + k] & 0xff;
                    put(qweight, k * words, row, code);
                }
            }
        });
        int[] qzeros = new int[groups * words];
        short[] scales = new short[groups * rows];
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < groups; g++) {
                put(qzeros, g * words, row, WeightCodec.zero(weight, layout, row, g));
                scales[g * rows + row] = Float.floatToFloat16(WeightCodec.scale(weight, layout, row, g));
            }
        }
        return new Packed(
                Tensor.ofInts(qweight, columns, words),
                Tensor.ofInts(qzeros, groups, words),
                new Tensor(DType.F16, Shape.of(groups, rows), MemorySegment.ofArray(scales)));
    }

    /** The code of {@code row} in line {@code line} (a column or a group). */
    private int code(MemorySegment source, int line, int row) {
        return CodeStream.get(source, (long) line * words(), 1, layout.bits(), index(row));
    }

    private void put(int[] target, int start, int row, int code) {
        CodeStream.put(target, start, 1, layout.bits(), index(row), code);
    }

    /** Where a row stands in its line, counted in codes. */
    private int index(int row) {
        return switch (version) {
            case GEMM ->
                layout.bits() == 4 ? (row & ~7) | ((row & 1) * 4) | ((row & 7) / 2) : (row & ~3) | BYTES[row & 3];
            case DENSE, GEMV, GEMV_FAST -> row;
        };
    }
}
