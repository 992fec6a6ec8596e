package awq4j.kernel.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Codes of neighbouring columns of a row, put into the lane of that row as {@link CodeOrder} says. */
final class LaneCodes {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT_ANYWHERE =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Columns of a nibble form. */
    private static final int FORM = 8;

    private LaneCodes() {}

    /**
     * Writes the lane of a row in each vector of a group.
     *
     * @param row codes as {@link awq4j.weight.Weight} has them, of up to 4 bits in nibbles, with 4 bytes to spare
     * @param column first of the group
     * @param count columns of the group, without padding
     * @param memory zeros in this lane from {@code at} on
     */
    static void put(CodeOrder order, MemorySegment row, int column, int count, MemorySegment memory, long at) {
        long to = at;
        long step = order.codeStep();
        int end = column + count;
        switch (order.bits()) {
            case 2 -> {
                for (int k = column; k < end; k += 2 * FORM, to += step) {
                    memory.set(INT, to, nibbles(row, k, end - k) | (nibbles(row, k + FORM, end - k - FORM) << 2));
                }
            }
            case 3 -> {
                for (int k = column; k < end; k += 4 * FORM, to += 3L * Lanes.BYTES) {
                    three(row, k, end, memory, to);
                }
            }
            case 4 -> {
                for (int k = column; k < end; k += FORM, to += step) {
                    memory.set(INT, to, nibbles(row, k, end - k));
                }
            }
            default -> {
                for (int k = column; k < end; k += 4, to += step) {
                    memory.set(INT, to, bytes(row, k, end - k));
                }
            }
        }
    }

    private static void three(MemorySegment row, int column, int end, MemorySegment memory, long at) {
        int high = 0;
        for (int pair = 0; pair < 2; pair++) {
            int k = column + 2 * FORM * pair;
            int first = nibbles(row, k, end - k);
            int second = nibbles(row, k + FORM, end - k - FORM);
            memory.set(INT, at + pair * (long) Lanes.BYTES, (first & 0x33333333) | ((second & 0x33333333) << 2));
            high |= ((first >>> 2) & 0x11111111) << (2 * pair);
            high |= ((second >>> 2) & 0x11111111) << (2 * pair + 1);
        }
        memory.set(INT, at + 2L * Lanes.BYTES, high);
    }

    /** Codes of 8 columns, or of {@code count} if those are fewer, even ones in the lower half. */
    private static int nibbles(MemorySegment row, int column, int count) {
        if (count <= 0) {
            return 0;
        }
        int raw = row.get(INT_ANYWHERE, column / 2);
        if (column % 2 != 0) {
            raw = (raw >>> 4) | (row.get(ValueLayout.JAVA_BYTE, column / 2 + 4) << 28);
        }
        raw = count >= FORM ? raw : raw & ((1 << (4 * count)) - 1);
        return Integer.compress(raw, 0x0f0f0f0f) | (Integer.compress(raw, 0xf0f0f0f0) << 16);
    }

    private static int bytes(MemorySegment row, int column, int count) {
        int raw = row.get(INT_ANYWHERE, column);
        raw = count >= 4 ? raw : raw & ((1 << (8 * count)) - 1);
        return (raw & 0xff0000ff) | ((raw >>> 8) & 0xff00) | ((raw << 8) & 0xff0000);
    }
}
