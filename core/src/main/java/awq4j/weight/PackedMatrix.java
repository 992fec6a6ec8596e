package awq4j.weight;

import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A matrix of codes in the order that some kernels read, to be kept for the next time.
 *
 * @param name the tensor-name prefix, as in {@link Weight}
 * @param rows output features
 * @param columns input features
 * @param layout that it had before
 * @param order what the kernels call their order of bytes; only they know what it means
 * @param pieces the bytes, in pieces that follow each other; kernels may ask for an alignment
 */
public record PackedMatrix(
        String name, int rows, int columns, Grouped layout, String order, List<MemorySegment> pieces) {
    /** @throws IllegalArgumentException if it has no rows, no columns or no pieces */
    public PackedMatrix {
        if (rows < 1 || columns < 1 || pieces.isEmpty()) {
            throw new IllegalArgumentException("matrix " + name + ": expected rows and columns, found [" + rows + ", "
                    + columns + "] in " + pieces.size() + " pieces");
        }
        pieces = List.copyOf(pieces);
    }

    /** A matrix in one piece. */
    public PackedMatrix(String name, int rows, int columns, Grouped layout, String order, MemorySegment memory) {
        this(name, rows, columns, layout, order, List.of(memory));
    }

    /** Bytes of all pieces. */
    public long sizeBytes() {
        return pieces.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    /** The bytes in one piece: a copy, aligned to 64 bytes, if they lie in several. */
    public MemorySegment memory() {
        if (pieces.size() == 1) {
            return pieces.getFirst();
        }
        MemorySegment copy = Arena.ofAuto().allocate(sizeBytes(), 64);
        long at = 0;
        for (MemorySegment piece : pieces) {
            MemorySegment.copy(piece, 0, copy, at, piece.byteSize());
            at += piece.byteSize();
        }
        return copy;
    }
}
