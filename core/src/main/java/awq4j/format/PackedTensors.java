package awq4j.format;

import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;

/**
 * Checks of the tensors that a packed linear is made of, before anything of their size is allocated. Each throws an
 * {@link UnsupportedModelException} of one sentence that names the tensor.
 */
public final class PackedTensors {
    private PackedTensors() {}

    /** The tensor's shape, which has two extents. */
    public static Shape rank2(String name, Tensor tensor) {
        if (tensor.shape().rank() != 2) {
            throw new UnsupportedModelException(name + ": expected two extents, found " + tensor.shape());
        }
        return tensor.shape();
    }

    /** A tensor of one type. */
    public static void expectType(String name, Tensor tensor, DType dtype) {
        if (tensor.dtype() != dtype) {
            throw new UnsupportedModelException(name + ": expected " + dtype + ", found " + tensor.dtype());
        }
    }

    /** An extent of a tensor, positive and an int even {@code times} as large; that product. */
    public static int extent(String name, Shape shape, int axis, int times) {
        long extent = shape.dim(axis);
        if (extent < 1 || extent > Integer.MAX_VALUE / times) {
            throw new UnsupportedModelException(name + ": expected extents from 1 to "
                    + (times == 1 ? "2^31 - 1" : Integer.MAX_VALUE / times) + ", found " + shape);
        }
        return (int) extent * times;
    }

    /** Refuses matrices of more codes than an array holds. */
    public static void limit(String name, int rows, int columns) {
        if ((long) rows * columns > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(
                    name + ": " + rows + " x " + columns + " is too large, at most 2^31 - 1 codes are read");
        }
    }

    /** A tensor of one type and shape. */
    public static void expect(String name, Tensor tensor, DType dtype, Shape shape) {
        expectType(name, tensor, dtype);
        expectShape(name, tensor, shape);
    }

    /** A tensor of floats, of any type, and one shape. */
    public static void expectFloats(String name, Tensor tensor, Shape shape) {
        expectShape(name, tensor, shape);
        if (!tensor.dtype().isFloat()) {
            throw new UnsupportedModelException(name + ": expected floats, found " + tensor.dtype());
        }
    }

    private static void expectShape(String name, Tensor tensor, Shape shape) {
        if (!tensor.shape().equals(shape)) {
            throw new UnsupportedModelException(name + ": expected " + shape + ", found " + tensor.shape());
        }
    }
}
