package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.UnsupportedModelException;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.weight.PackedMatrix;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A model's matrices in the order that kernels read, kept so that the next opening maps a file and packs nothing. */
public final class PackedModel {
    private static final Logger LOG = System.getLogger(PackedModel.class.getName());

    /** Behind the name of an output matrix that was placed in lower precision: it may be the embedding's, too. */
    private static final String HEAD = " as head";

    private PackedModel() {}

    /**
     * Packs all matrices that a backend packs; those that are read where they lie are not among them.
     *
     * @param backend its precision decides whether the output matrix is among them
     * @param beforeEach runs before each matrix; what it throws ends the packing
     */
    public static List<PackedMatrix> pack(Backend backend, ModelSpec spec, Checkpoint checkpoint, Runnable beforeEach) {
        Parameters parameters = Parameters.of(checkpoint);
        var packed = new ArrayList<PackedMatrix>();
        for (BlockSpec block : spec.blocks()) {
            for (Linear linear : block.linears()) {
                beforeEach.run();
                backend.packed(backend.place(parameters.matrix(linear))).ifPresent(packed::add);
            }
        }
        if (checkpoint.quantization().isPresent()) {
            beforeEach.run();
            Linear head = spec.tied() ? spec.table() : spec.head().linear();
            backend.packed(backend.placeHead(parameters.matrix(head)))
                    .map(matrix -> renamed(matrix, headName(head)))
                    .ifPresent(packed::add);
        }
        return packed;
    }

    /** Prefixes of the stored matrices that packed ones stand for: with those at hand they are not needed. */
    public static Set<String> stoodFor(ModelSpec spec, List<PackedMatrix> matrices) {
        var names = new HashSet<String>();
        matrices.forEach(matrix -> names.add(matrix.name()));
        var prefixes = new HashSet<String>();
        for (BlockSpec block : spec.blocks()) {
            for (StoredMatrix stored : StoredMatrix.of(block.linears())) {
                if (stored.parts().stream().allMatch(part -> names.contains(part.name()))) {
                    prefixes.add(stored.name());
                }
            }
        }
        return prefixes;
    }

    private static PackedMatrix renamed(PackedMatrix matrix, String name) {
        return new PackedMatrix(
                name, matrix.rows(), matrix.columns(), matrix.layout(), matrix.order(), matrix.pieces());
    }

    /** Under which name the output matrix is kept. */
    static String headName(Linear head) {
        return head.name() + HEAD;
    }

    /**
     * The packed weights beside a checkpoint, or those that it consists of; one line in the log says why a file that is
     * there is not used.
     *
     * @return open until the caller closes it; empty if there is none, if it was made from other weights, or for other
     *     kernels than the backend's
     * @throws awq4j.format.MalformedFileException if the file is damaged
     * @throws UnsupportedModelException if the checkpoint consists of weights for other kernels
     */
    public static Optional<PackedFile> beside(Checkpoint checkpoint, Backend backend) {
        Optional<PackedFile> own = checkpoint.packed();
        if (own.isPresent()) {
            String strange = strange(own.get(), backend);
            if (!strange.isEmpty()) {
                throw new UnsupportedModelException(own.get().path() + ": " + strange
                        + ", and the weights that it was made from are not in the folder."
                        + " Make it anew from those with awq4j convert MODEL FOLDER --to packed");
            }
            return own;
        }
        if (checkpoint.files().isEmpty() || !PackedFile.present(checkpoint.path())) {
            return Optional.empty();
        }
        PackedFile file = PackedFile.open(checkpoint.path());
        String unfit = "";
        boolean checked = false;
        try {
            unfit = unfit(file, checkpoint, backend);
            checked = true;
        } finally {
            if (!checked || !unfit.isEmpty()) {
                file.close();
            }
        }
        if (unfit.isEmpty()) {
            return Optional.of(file);
        }
        LOG.log(Level.INFO, file.path() + " is not used: " + unfit);
        return Optional.empty();
    }

    private static String unfit(PackedFile file, Checkpoint checkpoint, Backend backend) {
        String strange = strange(file, backend);
        if (!strange.isEmpty()) {
            return strange;
        }
        return file.madeFrom(checkpoint)
                ? ""
                : "it was made from other weights than are in the folder now."
                        + " Make it anew with awq4j convert MODEL --to packed --force, or delete it";
    }

    /** Which order a backend does not read; empty if it reads all. */
    private static String strange(PackedFile file, Backend backend) {
        List<String> orders =
                file.orders().stream().filter(order -> !backend.reads(order)).toList();
        return orders.isEmpty()
                ? ""
                : backend.name() + " does not read the order " + String.join(", ", orders)
                        + "; made for other kernels or another machine";
    }
}
