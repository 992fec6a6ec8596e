package awq4j.eval.speed;

import awq4j.kernel.CpuBackend;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One matrix many times over, so that each use of it comes from memory and not from a cache. */
final class WeightCopies implements AutoCloseable {
    private static final int ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final List<PlacedWeight> copies = new ArrayList<>();

    /**
     * Places a matrix.
     *
     * @param head whether it is an output matrix, which some precisions round
     */
    WeightCopies(CpuBackend backend, Weight weight, boolean head, int count) {
        boolean made = false;
        try {
            PlacedWeight first = head ? backend.placeHead(weight) : backend.place(weight);
            Optional<PackedMatrix> packed = backend.packed(first);
            for (int i = 0; i < count; i++) {
                if (packed.isPresent()) {
                    copies.add(backend.place(copy(packed.get())));
                } else if (weight.layout() instanceof Dense) {
                    copies.add(backend.place(copy(weight)));
                } else {
                    copies.add(backend.place(weight)); // codes that are copied into Java's heap
                }
            }
            made = true;
        } finally {
            if (!made) {
                close();
            }
        }
    }

    private PackedMatrix copy(PackedMatrix of) {
        return new PackedMatrix(of.name(), of.rows(), of.columns(), of.layout(), of.order(), copy(of.memory()));
    }

    private Weight copy(Weight of) {
        return new Weight(of.name(), of.rows(), of.columns(), of.layout(), copy(of.values()), null, null);
    }

    private MemorySegment copy(MemorySegment of) {
        return arena.allocate(of.byteSize(), ALIGNMENT).copyFrom(of);
    }

    /** Bytes that one of them takes. */
    long sizeBytes() {
        return copies.getFirst().sizeBytes();
    }

    /** The copy whose turn it is. */
    PlacedWeight at(int turn) {
        return copies.get(turn % copies.size());
    }

    @Override
    public void close() {
        arena.close();
    }
}
