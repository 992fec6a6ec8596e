package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.Shape;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Whether a checkpoint stores what a specification declares. Names and shapes only: no data is read, so it is quick for
 * models of any size. Packed linears are compared by their scales and codes, whose other extents the packing checks.
 *
 * @param faults one sentence for each tensor that is missing or has another shape, in the order in which they are used
 * @param unused names of stored tensors that the model does not use
 */
public record TensorCheck(List<String> faults, List<String> unused) {
    /** Copies the lists. */
    public TensorCheck {
        faults = List.copyOf(faults);
        unused = List.copyOf(unused);
    }

    /** Compares the two. */
    public static TensorCheck of(ModelSpec model, Checkpoint checkpoint) {
        var reading = new Reading(checkpoint);
        reading.matrix(new Linear(model.embedding(), model.vocabulary(), model.hidden(), false));
        if (model.positions() instanceof Positions.Learned learned) {
            reading.used(learned.name() + ".weight"); // may have more rows than the context
        }
        for (BlockSpec block : model.blocks()) {
            int headDim = block.attention().shape().headDim();
            block.linears().forEach(reading::matrix);
            for (Norm norm : block.norms()) {
                boolean perHead = norm.equals(block.attention().queryNorm())
                        || norm.equals(block.attention().keyNorm());
                reading.norm(norm, perHead ? headDim : model.hidden());
            }
        }
        reading.norm(model.finalNorm(), model.hidden());
        if (!model.tied()) {
            reading.matrix(model.head());
        }
        List<String> unused = checkpoint.names().stream()
                .filter(name -> !reading.used.contains(name))
                .toList();
        return new TensorCheck(reading.faults, unused);
    }

    private static final class Reading {
        private final Checkpoint checkpoint;
        private final Set<String> used = new HashSet<>();
        private final List<String> faults = new ArrayList<>();

        Reading(Checkpoint checkpoint) {
            this.checkpoint = checkpoint;
        }

        void matrix(Linear linear) {
            String name = linear.name();
            if (checkpoint.has(name + ".qweight")) {
                used(name + ".qweight");
                used(name + ".qzeros");
                used(name + ".scales");
                extent(name + ".qweight", 0, linear.columns());
                extent(name + ".scales", 1, linear.rows());
            } else {
                shape(name + ".weight", Shape.of(linear.rows(), linear.columns()));
            }
            if (linear.bias()) {
                shape(name + ".bias", Shape.of(linear.rows()));
            }
        }

        void norm(Norm norm, int size) {
            switch (norm) {
                case Norm.Rms rms -> shape(rms.name() + ".weight", Shape.of(size));
                case Norm.Layer layer -> {
                    if (layer.bias()) {
                        shape(layer.name() + ".weight", Shape.of(size));
                        shape(layer.name() + ".bias", Shape.of(size));
                    }
                }
            }
        }

        void used(String name) {
            used.add(name);
            if (!checkpoint.has(name)) {
                faults.add(name + " is missing");
            }
        }

        private void shape(String name, Shape expected) {
            used(name);
            Shape found = found(name);
            if (found != null && !found.equals(expected)) {
                faults.add(name + ": config.json asks for " + expected + ", file has " + found);
            }
        }

        private void extent(String name, int axis, int expected) {
            Shape found = found(name);
            if (found != null && (found.rank() != 2 || found.dim(axis) != expected)) {
                faults.add(name + ": config.json asks for "
                        + (axis == 0 ? "[" + expected + ", ...]" : "[..., " + expected + "]") + ", file has " + found);
            }
        }

        private @org.jspecify.annotations.Nullable Shape found(String name) {
            if (!checkpoint.has(name)) {
                return null;
            }
            try {
                return checkpoint.tensor(name).shape();
            } catch (UnsupportedModelException e) {
                faults.add(e.getMessage());
                return null;
            }
        }
    }
}
