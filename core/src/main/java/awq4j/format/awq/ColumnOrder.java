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
    /** Row of each nibble in a GEMM word. */
    private static final int[] NIBBLES = {0, 2, 4, 6, 1, 3, 5, 7};

    /** Row of each byte in a GEMM word of 8-bit codes. */
    private static final int[] BYTES = {0, 2, 1, 3};

    /** Columns per blocked step: 128 columns of 16 words stay in the first-level cache. */
    private static final int COLUMN_BLOCK = 128;

    private static final int WORD_BLOCK = 16;
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
        byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
        MemorySegment source = packed.qweight().data();
        if (version == Version.GEMM && layout.bits() == 4) {
            IntStream.range(0, Math.ceilDiv(words, WORD_BLOCK)).parallel().forEach(block -> {
                int from = block * WORD_BLOCK;
                unpackNibbles(source, from, Math.min(words, from + WORD_BLOCK), codes);
            });
        } else {
            IntStream.range(0, Math.ceilDiv(rows, ROW_BLOCK))
                    .parallel()
                    .forEach(block -> unpack(source, block * ROW_BLOCK, codes));
        }
        byte[] zeros = new byte[rows * groups];
        float[] stored = packed.scales().toFloats();
        float[] scales = new float[stored.length];
        for (int g = 0; g < groups; g++) {
            for (int row = 0; row < rows; row++) {
                zeros[row * groups + g] = (byte) code(packed.qzeros().data(), g, row);
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

    private void unpackNibbles(MemorySegment source, int wordFrom, int wordTo, byte[] codes) {
        int words = words();
        int rowBytes = layout.rowBytes(columns);
        for (int block = 0; block < columns; block += COLUMN_BLOCK) {
            int end = Math.min(columns, block + COLUMN_BLOCK);
            for (int word = wordFrom; word < wordTo; word++) {
                int firstRow = word * 8;
                for (int k = block; k < end; k += 2) {
                    int even = source.get(INT, ((long) k * words + word) * 4);
                    int odd = k + 1 < end ? source.get(INT, ((long) (k + 1) * words + word) * 4) : 0;
                    for (int i = 0; i < 8; i++) {
                        int pair = ((even >>> (4 * i)) & 15) | (((odd >>> (4 * i)) & 15) << 4);
                        codes[(firstRow + NIBBLES[i]) * rowBytes + k / 2] = (byte) pair;
                    }
                }
            }
        }
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
