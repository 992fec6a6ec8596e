package awq4j.weight;

import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
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

    private static void expect(String name, String part, @Nullable MemorySegment memory, long bytes) {
        long found = memory == null ? 0 : memory.byteSize();
        if (found != bytes) {
            throw new IllegalArgumentException(
                    "weight " + name + ": " + part + " takes " + bytes + " bytes, memory has " + found);
        }
    }
}
