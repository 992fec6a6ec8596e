package awq4j.kernel.vector;

import awq4j.weight.BlockParts;
import java.util.Arrays;

/** One row's lanes of a piece, put together from a block as the file has it; see {@link BlockOrder}. */
final class BlockPiece {
    private static final long EVEN_NIBBLES = 0x000f_000f_000f_000fL;
    private static final long ONES = 0x0101_0101_0101_0101L;

    private final BlockOrder order;
    private final int[] lanes;

    BlockPiece(BlockOrder order) {
        this.order = order;
        this.lanes = new int[order.pieceVectors()];
    }

    /** Columns of a piece. */
    int columns() {
        return order.pieceColumns();
    }

    /** What stands in a vector of the piece. */
    int lane(int vector) {
        return lanes[vector];
    }

    /** Reads the piece that begins at a column of the block. */
    void read(BlockParts parts, int column) {
        Arrays.fill(lanes, 0);
        for (int i = 0; i < columns() / 8; i++) {
            long codes = parts.eight(column + 8 * i);
            if (order.nibbles()) {
                nibbles(codes, i);
            } else {
                bytes(codes, i);
            }
        }
    }

    /** Eight codes of up to 4 bits are one form. */
    private void nibbles(long codes, int form) {
        switch (order.type()) {
            case Q4_K -> lanes[form] = nibbles(codes);
            case Q2_K -> lanes[form / 2] |= nibbles(codes) << (2 * (form % 2));
            case Q3_K -> {
                lanes[form / 2] |= nibbles(codes & (3 * ONES)) << (2 * (form % 2));
                lanes[2] |= nibbles((codes >>> 2) & ONES) << form;
            }
            case Q5_0, Q5_1, Q5_K, Q6_K -> throw new IllegalStateException(order.type() + " has bytes");
        }
    }

    /** Eight codes of 5 or 6 bits are two forms, the {@code pair}-th of them. */
    private void bytes(long codes, int pair) {
        long low = codes & (15 * ONES);
        long high = (codes >>> 4) & (3 * ONES);
        int bits = order.type().bits() - 4;
        lanes[pair] = bytes((int) low) | (bytes((int) (low >>> 32)) << 4);
        lanes[order.pieceVectors() - 1] |=
                (bytes((int) high) << (2 * pair * bits)) | (bytes((int) (high >>> 32)) << ((2 * pair + 1) * bits));
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
