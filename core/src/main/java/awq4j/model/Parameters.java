package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import java.util.Optional;

/** Where a model's numbers come from: a checkpoint, or a block that is being quantized. */
public interface Parameters {
    /** The matrix of a linear, [rows, columns] whichever way it is stored; its shape is the one that was declared. */
    Weight matrix(Linear linear);

    /** The bias of a linear that has one, [rows]. */
    float[] bias(Linear linear);

    /** A vector, for example {@code model.norm.weight}; it has {@code size} values. */
    float[] vector(String name, int size);

    /** The vector of that name, if there is one; it has {@code size} values. */
    Optional<float[]> optional(String name, int size);

    /** What makes up for what a block's linear lost when it was quantized; empty if nothing does. */
    default Optional<LowRank> lowRank(Linear linear) {
        return Optional.empty();
    }

    /**
     * The matrix of a linear as it was packed earlier, placed; empty if it was not.
     *
     * @param name under which it was kept
     */
    default Optional<PlacedWeight> packed(Backend backend, String name, Linear linear) {
        return Optional.empty();
    }

    /** The numbers of a checkpoint, shapes checked against what the specification declares. */
    static Parameters of(Checkpoint checkpoint) {
        return of(checkpoint, Optional.empty());
    }

    /** The same with matrices that were packed earlier. */
    static Parameters of(Checkpoint checkpoint, Optional<PackedFile> packed) {
        return new CheckpointParameters(checkpoint, packed);
    }
}
