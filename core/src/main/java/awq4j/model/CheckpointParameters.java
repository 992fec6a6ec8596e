package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.PlacedWeight;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.weight.LowRank;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The numbers of a checkpoint, and matrices that were packed earlier. */
final class CheckpointParameters implements Parameters {
    private final Checkpoint checkpoint;
    private final Optional<PackedFile> packed;

    /** The stored matrix that was read last: its parts are asked for one after the other, and unpacking takes time. */
    private @Nullable Weight latest;

    CheckpointParameters(Checkpoint checkpoint, Optional<PackedFile> packed) {
        this.checkpoint = checkpoint;
        this.packed = packed;
    }

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
        Stored stored = linear.stored();
        Weight weight = linear.isPart() ? kept(stored) : checkpoint.linear(stored.name());
        boolean turned = stored.transposed() && weight.layout() instanceof Dense;
        int rows = turned ? linear.columns() : stored.rows();
        int columns = turned ? stored.rows() : linear.columns();
        if (weight.rows() != rows || weight.columns() != columns) {
            throw new MalformedFileException(
                    checkpoint.path(),
                    -1,
                    stored.name() + ".weight: config.json asks for [" + rows + ", " + columns + "], file has ["
                            + weight.rows() + ", " + weight.columns() + "]");
        }
        if (turned) {
            return weight.transposedRows(linear.name(), stored::row, linear.rows());
        }
        return linear.isPart()
                ? weight.rows(linear.name(), stored.first(), stored.run(), stored.stride(), linear.rows())
                : weight;
    }

    private synchronized Weight kept(Stored stored) {
        if (latest == null || !latest.name().equals(stored.name())) {
            latest = checkpoint.linear(stored.name());
        }
        return latest;
    }

    @Override
    public float[] bias(Linear linear) {
        Stored stored = linear.stored();
        float[] all = vector(stored.name() + ".bias", stored.rows());
        if (!linear.isPart()) {
            return all;
        }
        float[] own = new float[linear.rows()];
        for (int row = 0; row < own.length; row++) {
            own[row] = all[stored.row(row)];
        }
        return own;
    }

    @Override
    public Optional<LowRank> lowRank(Linear linear) {
        String down = linear.name() + LowRank.DOWN;
        String up = linear.name() + LowRank.UP;
        if (!checkpoint.has(down) && !checkpoint.has(up)) {
            return Optional.empty();
        }
        Tensor thin = checkpoint.tensor(down);
        Tensor tall = checkpoint.tensor(up);
        boolean fits = thin.shape().rank() == 2
                && tall.shape().rank() == 2
                && thin.shape().dim(1) == linear.columns()
                && tall.shape().dim(0) == linear.rows()
                && thin.shape().dim(0) == tall.shape().dim(1);
        if (!fits) {
            throw new MalformedFileException(
                    checkpoint.path(),
                    -1,
                    down + ", " + up + ": expected [rank, " + linear.columns() + "] and [" + linear.rows()
                            + ", rank], file has " + thin.shape() + " and " + tall.shape());
        }
        int rank = (int) thin.shape().dim(0);
        return Optional.of(
                new LowRank(dense(down, rank, linear.columns(), thin), dense(up, linear.rows(), rank, tall)));
    }

    private static Weight dense(String name, int rows, int columns, Tensor tensor) {
        if (tensor.dtype() != DType.F16 && tensor.dtype() != DType.BF16 && tensor.dtype() != DType.F32) {
            throw new UnsupportedModelException(name + ": expected F16, BF16 or F32, found " + tensor.dtype());
        }
        return new Weight(name, rows, columns, new Dense(tensor.dtype()), tensor.data(), null, null);
    }

    @Override
    public Optional<float[]> optional(String name, int size) {
        return checkpoint.has(name) ? Optional.of(vector(name, size)) : Optional.empty();
    }

    @Override
    public float[] vector(String name, int size) {
        Tensor tensor = checkpoint.tensor(name);
        if (!tensor.dtype().isFloat()) {
            throw new UnsupportedModelException(name + ": expected floats, found " + tensor.dtype());
        }
        if (tensor.shape().elements() != size) {
            throw new MalformedFileException(
                    checkpoint.path(), -1, name + ": config.json asks for [" + size + "], file has " + tensor.shape());
        }
        return tensor.toFloats();
    }
}
