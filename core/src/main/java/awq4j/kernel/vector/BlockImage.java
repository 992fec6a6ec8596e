package awq4j.kernel.vector;

import awq4j.weight.BlockParts;
import awq4j.weight.GgufType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A block of a vector of rows as {@link BlockOrder} has it, put together row by row from blocks as the file has them. In an
 * array: single stores to memory segments took longer than all else.
 */
final class BlockImage {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long EVEN_NIBBLES = 0x000f_000f_000f_000fL;
    private static final long ONES = 0x0101_0101_0101_0101L;
    private static final int L = Lanes.COUNT;

    private final BlockOrder order;
    private final GgufType type;
    private final int pieceColumns;
    private final int pieceVectors;
    private final int head;
    private final int[] lanes;

    BlockImage(BlockOrder order) {
        this.order = order;
        this.type = order.type();
        this.pieceColumns = order.pieceColumns();
        this.pieceVectors = order.pieceVectors();
        this.head = order.headBytes() / Lanes.BYTES;
        this.lanes = new int[order.blockBytes() / Integer.BYTES];
    }

    /** Forgets all rows. */
    void clear() {
        Arrays.fill(lanes, 0);
    }

    /** Takes in a row's block, whose lane has been cleared. */
    void add(BlockParts parts, int row) {
        lanes[row] = (parts.least() << 16) | (parts.scale() & 0xffff);
        if (type.groups() > 1) {
            factors(parts, row + L);
        }
        int at = row + head * L;
        for (int k = 0; k < type.blockColumns(); k += pieceColumns, at += pieceVectors * L) {
            if (order.nibbles()) {
                nibbles(parts, k, at);
            } else {
                bytes(parts, k, at);
            }
        }
    }

    /** Writes the block. */
    void write(MemorySegment to, long at) {
        MemorySegment.copy(lanes, 0, to, INT, at, lanes.length);
    }

    private void factors(BlockParts parts, int at) {
        int each = type.groups() / 4;
        int bits = 32 / each;
        for (int v = 0, g = 0; v < 4; v++) {
            int bytes = 0;
            for (int i = 0; i < each; i++, g++) {
                int own = switch (type) {
                    case Q4_K, Q5_K -> parts.factor(g) | (parts.lift(g) << 8);
                    case Q2_K -> parts.factor(g) | (parts.lift(g) << 4);
                    case Q3_K, Q6_K -> parts.factor(g) & 0xff;
                    case Q5_0, Q5_1 -> throw new IllegalStateException(type + " has no factors");
                };
                bytes |= own << (bits * i);
            }
            lanes[at + v * L] = bytes;
        }
    }

    /** A piece of codes of up to 4 bits; eight of them are one form. */
    private void nibbles(BlockParts parts, int column, int at) {
        for (int form = 0; form < pieceColumns / 8; form++) {
            long codes = parts.eight(column + 8 * form);
            switch (type) {
                case Q4_K -> lanes[at + form * L] = nibbles(codes);
                case Q2_K -> lanes[at] |= nibbles(codes) << (2 * form);
                case Q3_K -> {
                    lanes[at + form / 2 * L] |= nibbles(codes & (3 * ONES)) << (2 * (form % 2));
                    lanes[at + 2 * L] |= nibbles((codes >>> 2) & ONES) << form;
                }
                case Q5_0, Q5_1, Q5_K, Q6_K -> throw new IllegalStateException(type + " has bytes");
            }
        }
    }

    /** A piece of codes of 5 or 6 bits; eight of them are two forms. */
    private void bytes(BlockParts parts, int column, int at) {
        int bits = type.bits() - 4;
        int above = 0;
        for (int pair = 0; pair < pieceColumns / 8; pair++) {
            long codes = parts.eight(column + 8 * pair);
            long low = codes & (15 * ONES);
            long high = (codes >>> 4) & (3 * ONES);
            lanes[at + pair * L] = bytes((int) low) | (bytes((int) (low >>> 32)) << 4);
            above |= (bytes((int) high) << (2 * pair * bits)) | (bytes((int) (high >>> 32)) << ((2 * pair + 1) * bits));
        }
        lanes[at + (pieceVectors - 1) * L] = above;
    }

    /** Bytes to nibbles, even ones in the lower half. */
    private static int nibbles(long bytes) {
        return (int) Long.compress(bytes, EVEN_NIBBLES) | ((int) Long.compress(bytes >>> 8, EVEN_NIBBLES) << 16);
    }

    /** Even bytes in the lower half. */
    private static int bytes(int inOrder) {
        return (inOrder & 0xff0000ff) | ((inOrder >>> 8) & 0xff00) | ((inOrder << 8) & 0xff0000);
    }
}
