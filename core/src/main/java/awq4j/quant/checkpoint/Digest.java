package awq4j.quant.checkpoint;

import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What tells a weight from one that a disk has spoiled, in a few bytes: shape, layout and checksums of all parts.
 *
 * @param values checksum of the values
 * @param scales checksum of the scales, that of nothing if there are none
 * @param zeros checksum of the zeros, likewise
 */
record Digest(
        int rows,
        int columns,
        WeightLayout layout,
        @Nullable InputOrder order,
        long values,
        long scales,
        long zeros) {
    private static final int PIECE = 1 << 16;

    static Digest of(Weight weight) {
        byte[] bounce = new byte[PIECE];
        return new Digest(
                weight.rows(),
                weight.columns(),
                weight.layout(),
                weight.inputOrder(),
                checksum(weight.values(), bounce),
                checksum(weight.scales(), bounce),
                checksum(weight.zeros(), bounce));
    }

    private static long checksum(@Nullable MemorySegment bytes, byte[] bounce) {
        var sum = new CRC32C();
        for (long from = 0; bytes != null && from < bytes.byteSize(); from += bounce.length) {
            int count = (int) Math.min(bounce.length, bytes.byteSize() - from);
            MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, from, bounce, 0, count);
            sum.update(bounce, 0, count);
        }
        return sum.getValue();
    }
}
