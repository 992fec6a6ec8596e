package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import org.jspecify.annotations.Nullable;

/** What turns the last hidden states into logits, on a device. Serves one caller at a time. */
public final class PlacedHead {
    private final Backend backend;
    private final Head spec;
    private final @Nullable PlacedNorm norm;
    private final @Nullable PlacedLinear projection;
    private final PlacedLinear linear;
    private @Nullable Buffer projected;

    private PlacedHead(
            Backend backend,
            Head spec,
            @Nullable PlacedNorm norm,
            @Nullable PlacedLinear projection,
            PlacedLinear linear) {
        this.backend = backend;
        this.spec = spec;
        this.norm = norm;
        this.projection = projection;
        this.linear = linear;
    }

    /**
     * Takes the head of a model in.
     *
     * @throws awq4j.format.MalformedFileException if tensors and configuration disagree
     */
    public static PlacedHead place(Backend backend, ModelSpec model, Checkpoint checkpoint) {
        Parameters parameters = Parameters.of(checkpoint);
        PlacedWeight table = model.tied() ? backend.place(parameters.matrix(model.table())) : null;
        return place(backend, model, checkpoint, parameters, table);
    }

    /** @param embedding the matrix of the tokens' rows, which may be the output matrix as well; null if it is not */
    static PlacedHead place(
            Backend backend,
            ModelSpec model,
            Checkpoint checkpoint,
            Parameters parameters,
            @Nullable PlacedWeight embedding) {
        Head head = model.head();
        return new PlacedHead(
                backend,
                head,
                head.norm() == null ? null : PlacedNorm.place(backend, head.norm(), parameters),
                head.projection() == null ? null : PlacedLinear.place(backend, head.projection(), parameters),
                linear(backend, model, checkpoint, parameters, embedding));
    }

    /** The output matrix. Only a quantized model's may be placed in lower precision. */
    private static PlacedLinear linear(
            Backend backend,
            ModelSpec model,
            Checkpoint checkpoint,
            Parameters parameters,
            @Nullable PlacedWeight embedding) {
        Linear own = model.head().linear();
        if (checkpoint.quantization().isEmpty()) {
            return model.tied() && embedding != null
                    ? new PlacedLinear(embedding, null)
                    : PlacedLinear.place(backend, own, parameters);
        }
        return PlacedLinear.placeHead(backend, model.tied() ? model.table() : own, parameters);
    }

    /** What hidden states are normed by; null for nothing. */
    @Nullable
    PlacedNorm norm() {
        return norm;
    }

    /** Bytes of the output matrix. */
    long sizeBytes() {
        return linear.weight().sizeBytes();
    }

    /**
     * Computes logits.
     *
     * @param rows [rows, hidden], hidden states behind the last block; overwritten
     * @param logits [rows, vocabulary]
     * @param taps sees what the output matrix reads
     */
    public void apply(Buffer rows, Buffer logits, Taps taps) {
        if (norm != null) {
            norm.apply(backend, rows, rows);
        }
        Buffer in = rows;
        if (projection != null) {
            if (projected == null || projected.rows() < rows.rows()) {
                projected = backend.allocate(rows.rows(), projection.weight().rows());
            }
            in = projected.view(rows.rows());
            projection.apply(backend, rows, in);
        }
        if (!taps.equals(Taps.NONE)) {
            taps.at(spec.linear().name() + ".input", in);
        }
        linear.apply(backend, in, logits);
        if (spec.scale() != 1) {
            backend.kernels().scale(spec.scale(), logits);
        }
        if (spec.softcap() != 0) {
            backend.kernels().softcap(spec.softcap(), logits);
        }
    }
}
