package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.PlacedWeight;
import awq4j.tensor.Tensor;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import java.util.Optional;

/** Where a model's numbers come from: a checkpoint, or a block that is being quantized. */
public interface Parameters {
    /** The matrix of a linear; its shape is the one that was declared. */
    Weight matrix(Linear linear);

    /** A vector, for example {@code model.norm.weight}; it has {@code size} values. */
    float[] vector(String name, int size);

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
        return new Parameters() {
            @Override
            public Optional<PlacedWeight> packed(Backend backend, String name, Linear linear) {
                return packed.flatMap(file -> file.find(name).map(matrix -> placed(backend, file, matrix, linear)));
            }

            private static PlacedWeight placed(Backend backend, PackedFile file, PackedMatrix matrix, Linear linear) {
                if (matrix.rows() != linear.rows() || matrix.columns() != linear.columns()) {
                    throw new MalformedFileException(
                            file.path(),
                            -1,
                            matrix.name() + ": config.json asks for [" + linear.rows() + ", " + linear.columns()
                                    + "], file has [" + matrix.rows() + ", " + matrix.columns() + "]");
                }
                try {
                    return backend.place(matrix);
                } catch (IllegalArgumentException e) {
                    throw new MalformedFileException(file.path(), -1, String.valueOf(e.getMessage()));
                }
            }

            @Override
            public Weight matrix(Linear linear) {
                Weight weight = checkpoint.linear(linear.name());
                if (weight.rows() != linear.rows() || weight.columns() != linear.columns()) {
                    throw new MalformedFileException(
                            checkpoint.path(),
                            -1,
                            linear.name() + ".weight: config.json asks for [" + linear.rows() + ", " + linear.columns()
                                    + "], file has [" + weight.rows() + ", " + weight.columns() + "]");
                }
                return weight;
            }

            @Override
            public float[] vector(String name, int size) {
                Tensor tensor = checkpoint.tensor(name);
                if (!tensor.dtype().isFloat()) {
                    throw new UnsupportedModelException(name + ": expected floats, found " + tensor.dtype());
                }
                if (tensor.shape().elements() != size) {
                    throw new MalformedFileException(
                            checkpoint.path(),
                            -1,
                            name + ": config.json asks for [" + size + "], file has " + tensor.shape());
                }
                return tensor.toFloats();
            }
        };
    }
}
