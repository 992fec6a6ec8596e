package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;

/** Where a model's numbers come from: a checkpoint, or a block that is being quantized. */
public interface Parameters {
    /** The matrix of a linear; its shape is the one that was declared. */
    Weight matrix(Linear linear);

    /** A vector, for example {@code model.norm.weight}; it has {@code size} values. */
    float[] vector(String name, int size);

    /** The numbers of a checkpoint, shapes checked against what the specification declares. */
    static Parameters of(Checkpoint checkpoint) {
        return new Parameters() {
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
