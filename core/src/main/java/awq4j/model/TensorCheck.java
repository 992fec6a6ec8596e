package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.Shape;
import awq4j.weight.LowRank;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Whether a checkpoint stores what a specification declares. Names and shapes only: no data is read, so it is quick for
 * models of any size. Packed linears are compared by the extents that their packing gives away.
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
        StoredMatrix.of(model.outerLinears()).forEach(reading::matrix);
        LearnedPositions positions = model.embedding().positions();
        if (positions != null) {
            reading.used(positions.name() + ".weight"); // may have more rows than the context
        }
        model.outerNorms().forEach(reading::norm);
        for (BlockSpec block : model.blocks()) {
            StoredMatrix.of(block.linears()).forEach(reading::matrix);
            block.norms().forEach(reading::norm);
            if (block.mlp() instanceof Mlp.Plain plain && plain.scales() != null && checkpoint.has(plain.scales())) {
                reading.shape(plain.scales(), Shape.of(plain.output().columns()));
            }
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

        void matrix(StoredMatrix matrix) {
            String name = matrix.name();
            if (packed(matrix)) {
                matrix.parts().forEach(part -> used(part.name()));
            } else if (checkpoint.hasPacked(name)) {
                used.addAll(checkpoint.matrixNames(name));
                packedShape(name, Shape.of(matrix.rows(), matrix.columns()));
            } else {
                shape(
                        name + ".weight",
                        matrix.transposed()
                                ? Shape.of(matrix.columns(), matrix.rows())
                                : Shape.of(matrix.rows(), matrix.columns()));
            }
            if (matrix.bias()) {
                shape(name + ".bias", Shape.of(matrix.rows()));
            }
            matrix.parts().forEach(this::lowRank);
        }

        private void lowRank(Linear linear) {
            String down = linear.name() + LowRank.DOWN;
            String up = linear.name() + LowRank.UP;
            if (checkpoint.has(down) || checkpoint.has(up)) {
                Shape thin = found(down);
                int rank = thin == null || thin.rank() != 2 ? 1 : (int) thin.dim(0);
                shape(down, Shape.of(rank, linear.columns()));
                shape(up, Shape.of(linear.rows(), rank));
            }
        }

        /** Whether it is there in the order that kernels read. */
        private boolean packed(StoredMatrix stored) {
            boolean all = true;
            for (Linear part : stored.parts()) {
                used.add(PackedModel.headName(part));
                var matrix = checkpoint.packed().flatMap(file -> file.find(part.name()));
                all &= matrix.isPresent();
                if (matrix.isPresent()
                        && (matrix.get().rows() != part.rows() || matrix.get().columns() != part.columns())) {
                    faults.add(part.name() + ": config.json asks for [" + part.rows() + ", " + part.columns()
                            + "], file has [" + matrix.get().rows() + ", "
                            + matrix.get().columns() + "]");
                }
            }
            return all;
        }

        void norm(Norm norm) {
            norm.tensors().forEach(name -> shape(name, norm.shape()));
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

        private void packedShape(String name, Shape expected) {
            try {
                Shape found = checkpoint.matrixShape(name);
                if (!found.equals(expected)) {
                    faults.add(name + ": config.json asks for " + expected + ", packed in the file is " + found);
                }
            } catch (UnsupportedModelException e) {
                faults.add(e.getMessage());
            }
        }

        private @org.jspecify.annotations.Nullable Shape found(String name) {
            if (!checkpoint.has(name)) {
                return null;
            }
            try {
                return checkpoint.shape(name);
            } catch (UnsupportedModelException e) {
                faults.add(e.getMessage());
                return null;
            }
        }
    }
}
