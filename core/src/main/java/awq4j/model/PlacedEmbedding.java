package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.Weight;
import org.jspecify.annotations.Nullable;

/** The embedding on a device, for up to {@code maxRows} tokens at once. */
public final class PlacedEmbedding {
    private final Backend backend;
    private final Embedding spec;
    private final PlacedWeight table;
    private final @Nullable PlacedLinear projection;
    private final @Nullable PlacedWeight positions;
    private final @Nullable PlacedNorm norm;
    private final @Nullable Buffer narrow;
    private final @Nullable Buffer added;

    private PlacedEmbedding(
            Backend backend,
            Embedding spec,
            PlacedWeight table,
            @Nullable PlacedLinear projection,
            @Nullable PlacedWeight positions,
            @Nullable PlacedNorm norm,
            int maxRows,
            int hidden) {
        this.backend = backend;
        this.spec = spec;
        this.table = table;
        this.projection = projection;
        this.positions = positions;
        this.norm = norm;
        this.narrow = projection == null ? null : backend.allocate(maxRows, spec.width());
        this.added = positions == null ? null : backend.allocate(maxRows, hidden);
    }

    /**
     * Takes the embedding of a model in.
     *
     * @throws MalformedFileException if tensors and configuration disagree
     */
    public static PlacedEmbedding place(Backend backend, ModelSpec model, Checkpoint checkpoint, int maxRows) {
        return place(backend, model, checkpoint, Parameters.of(checkpoint), maxRows);
    }

    static PlacedEmbedding place(
            Backend backend, ModelSpec model, Checkpoint checkpoint, Parameters parameters, int maxRows) {
        Embedding spec = model.embedding();
        return new PlacedEmbedding(
                backend,
                spec,
                backend.place(parameters.matrix(model.table())),
                spec.projection() == null ? null : PlacedLinear.place(backend, spec.projection(), parameters),
                spec.positions() == null ? null : positions(backend, spec.positions(), model.hidden(), checkpoint),
                spec.norm() == null ? null : PlacedNorm.place(backend, spec.norm(), parameters),
                maxRows,
                model.hidden());
    }

    /** The table of learned positions, whose height no configuration states exactly. */
    private static PlacedWeight positions(Backend backend, LearnedPositions spec, int hidden, Checkpoint checkpoint) {
        Weight table = checkpoint.linear(spec.name());
        if (table.columns() != hidden || table.rows() <= spec.offset()) {
            throw new MalformedFileException(
                    checkpoint.path(),
                    -1,
                    spec.name() + ".weight: expected [positions + " + spec.offset() + ", " + hidden + "], file has ["
                            + table.rows() + ", " + table.columns() + "]");
        }
        return backend.place(table);
    }

    /** The matrix of the tokens' rows. */
    PlacedWeight table() {
        return table;
    }

    /** How many positions there are rows for; those of models without learned positions have no end. */
    int maxPositions() {
        LearnedPositions learned = spec.positions();
        return positions == null || learned == null ? Integer.MAX_VALUE : positions.rows() - learned.offset();
    }

    /**
     * Writes the first hidden states of tokens.
     *
     * @param positions of the tokens in their sequences
     * @param h [tokens, hidden]
     */
    public void apply(int[] tokens, int[] positions, Buffer h) {
        var kernels = backend.kernels();
        if (projection != null && narrow != null) {
            Buffer rows = narrow.view(tokens.length);
            kernels.embed(table, tokens, rows);
            projection.apply(backend, rows, h);
        } else {
            kernels.embed(table, tokens, h);
        }
        if (spec.scale() != 1) {
            kernels.scale(spec.scale(), h);
        }
        LearnedPositions learned = spec.positions();
        if (this.positions != null && learned != null && added != null) {
            int[] rows = positions.clone();
            for (int i = 0; i < rows.length; i++) {
                rows[i] += learned.offset();
            }
            Buffer row = added.view(rows.length);
            kernels.embed(this.positions, rows, row);
            kernels.add(row, h);
        }
        if (norm != null) {
            norm.apply(backend, h, h);
        }
    }
}
