package awq4j.weight;

import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A linear layer's matrix, [rows = output features, columns = input features], row-major, little-endian.
 *
 * <ul>
 *   <li>{@link Dense}: {@code values} holds rows * columns elements; {@code scales} and {@code zeros} are null.
 *   <li>{@link Grouped}: {@code values} holds unsigned codes, {@link Grouped#rowBytes} bytes a row; two codes a byte
 *       up to four bits (even column in the low nibble), else one a byte. {@code scales} holds float32
 *       [rows, groups]; {@code zeros} holds bytes [rows, groups], float32 biases with {@link ZeroPoint#FLOAT}, or is null
 *       with {@link ZeroPoint#MIDDLE}.
 *   <li>{@link GgufBlock}: {@code values} holds {@link GgufBlock#rowBytes} bytes a row; the others are null.
 * </ul>
 *
 * @param name the tensor-name prefix, for example {@code model.layers.3.mlp.down_proj}; used in messages
 * @param inputOrder which input each stored column meets, null if column i meets input i; groups run over stored columns
 */
public record Weight(
        String name,
        int rows,
        int columns,
        WeightLayout layout,
        MemorySegment values,
        @Nullable MemorySegment scales,
        @Nullable MemorySegment zeros,
        @Nullable InputOrder inputOrder) {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final int TOGETHER = 32;

    /** @throws IllegalArgumentException if a part has not the size that shape and layout ask for */
    public Weight {
        switch (layout) {
            case Dense dense ->
                expect(
                        name,
                        "values",
                        values,
                        (long) rows * columns * dense.dtype().bytes());
            case Grouped grouped -> {
                long groups = (long) rows * grouped.groups(columns);
                expect(name, "values", values, (long) rows * grouped.rowBytes(columns));
                expect(name, "scales", scales, groups * Float.BYTES);
                expect(name, "zeros", zeros, groups * grouped.zeroPoint().bytes());
            }
            case GgufBlock blocks -> {
                int block = blocks.type().blockColumns();
                if (columns % block != 0) {
                    throw new IllegalArgumentException("weight " + name + ": " + blocks.type()
                            + " needs columns in multiples of " + block + ", found " + columns);
                }
                expect(name, "values", values, blocks.sizeBytes(rows, columns));
                expect(name, "scales", scales, 0);
                expect(name, "zeros", zeros, 0);
            }
        }
        if (inputOrder != null && inputOrder.size() != columns) {
            throw new IllegalArgumentException(
                    "weight " + name + ": input order of " + inputOrder.size() + " columns, weight has " + columns);
        }
    }

    /** A weight whose columns are in the order of its inputs. */
    public Weight(
            String name,
            int rows,
            int columns,
            WeightLayout layout,
            MemorySegment values,
            @Nullable MemorySegment scales,
            @Nullable MemorySegment zeros) {
        this(name, rows, columns, layout, values, scales, zeros, null);
    }

    /** A dense float32 weight over {@code values} [rows, columns], which it does not copy. */
    public static Weight ofFloats(String name, int rows, int columns, float[] values) {
        return new Weight(
                name, rows, columns, new Dense(awq4j.tensor.DType.F32), MemorySegment.ofArray(values), null, null);
    }

    /** Bytes of all parts. */
    public long sizeBytes() {
        return values.byteSize() + (scales == null ? 0 : scales.byteSize()) + (zeros == null ? 0 : zeros.byteSize());
    }

    /**
     * Some rows as a weight of their own: runs of {@code run} rows, one every {@code stride} rows, from row
     * {@code first} on. Rows that lie together are not copied; others are copied to memory that is freed when nothing
     * refers to it any more.
     *
     * @param name of the new weight
     * @param count rows of the new weight
     */
    public Weight rows(String name, int first, int run, int stride, int count) {
        return new Weight(
                name,
                count,
                columns,
                layout,
                rows(values, first, run, stride, count),
                scales == null ? null : rows(scales, first, run, stride, count),
                zeros == null ? null : rows(zeros, first, run, stride, count),
                inputOrder);
    }

    private MemorySegment rows(MemorySegment memory, int first, int run, int stride, int count) {
        long width = memory.byteSize() / rows;
        if (count <= run || stride == run) {
            return memory.asSlice(first * width, count * width);
        }
        MemorySegment copy = Arena.ofAuto().allocate(count * width, 64);
        for (int row = 0; row < count; row += run) {
            long from = (first + (long) (row / run) * stride) * width;
            MemorySegment.copy(memory, from, copy, row * width, Math.min(run, count - row) * width);
        }
        return copy;
    }

    /**
     * Some columns of a {@link Dense} weight as the rows of another, copied to memory that is freed when nothing refers to
     * it any more.
     *
     * @param name of the new weight
     * @param column of each row
     * @param count rows of the new weight
     */
    public Weight transposedRows(String name, IntUnaryOperator column, int count) {
        if (!(layout instanceof Dense dense)) {
            throw new IllegalArgumentException("weight " + this.name + " is " + layout + ", only dense ones transpose");
        }
        int bytes = dense.dtype().bytes();
        MemorySegment copy = Arena.ofAuto().allocate((long) count * rows * bytes, 64);
        for (int first = 0; first < count; first += TOGETHER) { // few rows at a time: their lines stay in the cache
            int end = Math.min(count, first + TOGETHER);
            for (int c = 0; c < rows; c++) {
                for (int row = first; row < end; row++) {
                    long from = ((long) c * columns + column.applyAsInt(row)) * bytes;
                    long to = ((long) row * rows + c) * bytes;
                    if (bytes == Short.BYTES) {
                        copy.set(SHORT, to, values.get(SHORT, from));
                    } else {
                        copy.set(INT, to, values.get(INT, from));
                    }
                }
            }
        }
        return new Weight(name, count, rows, layout, copy, null, null);
    }

    private static void expect(String name, String part, @Nullable MemorySegment memory, long bytes) {
        long found = memory == null ? 0 : memory.byteSize();
        if (found != bytes) {
            throw new IllegalArgumentException(
                    "weight " + name + ": " + part + " takes " + bytes + " bytes, memory has " + found);
        }
    }
}
