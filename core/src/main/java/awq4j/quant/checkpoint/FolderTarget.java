package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.PackedPart;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionPlan.PlannedTensor;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/** A folder in Hugging Face's form: safetensors, config.json, and what lies beside them in the source. */
abstract class FolderTarget implements ConversionTarget {
    private static final long SHARD_BYTES = 5L << 30;

    private final String label;

    FolderTarget(String label) {
        this.label = label;
    }

    /** The tensors of a matrix of codes. */
    abstract List<PackedPart> parts(PlannedMatrix planned);

    /** Their contents. */
    abstract List<Tensor> pack(Weight held);

    /** Makes the source's configuration the result's. */
    abstract void configure(ObjectNode config, ConversionPlan plan);

    @Override
    public String label() {
        return label;
    }

    @Override
    public boolean isFile() {
        return false;
    }

    /** What to say of activations that are divided by scales: other programs expect them in AWQ's folders only. */
    static List<String> remarkOnScales(ConversionPlan plan) {
        List<String> scales = plan.source().activationScales();
        return scales.isEmpty()
                ? List.of()
                : List.of("The model divides activations by " + scales.getFirst()
                        + " and the like, as AWQ leaves it: awq4j"
                        + " does so in this form, too; other programs may not.");
    }

    @Override
    public long sizeBytes(ConversionPlan plan) {
        return sources(plan, () -> {}).stream().mapToLong(Source::sizeBytes).sum();
    }

    @Override
    public void write(ConversionPlan plan, Path to, Runnable beforeEach) {
        Checkpoint checkpoint = plan.source().checkpoint();
        // transformers refuses files that do not say so
        SafetensorsWriter.writeSharded(to, Map.of("format", "pt"), sources(plan, beforeEach), SHARD_BYTES);
        ModelFiles.copy(checkpoint.path(), to);
        ObjectNode config = ((ObjectNode) checkpoint.config().json()).deepCopy();
        config.remove("compression_config"); // an older name of quantization_config
        configure(config, plan);
        WholeFile.writeJson(to.resolve(Checkpoints.CONFIG), config);
    }

    /** All tensors of the result, in the source's order. */
    private List<Source> sources(ConversionPlan plan, Runnable beforeEach) {
        Checkpoint checkpoint = plan.source().checkpoint();
        var matrices = new HashMap<String, PlannedMatrix>();
        for (PlannedMatrix planned : plan.matrices()) {
            checkpoint.matrixNames(planned.matrix().name()).forEach(name -> matrices.put(name, planned));
        }
        var tensors = new HashMap<String, PlannedTensor>();
        plan.tensors().forEach(planned -> tensors.put(planned.name(), planned));
        var written = new HashSet<PlannedMatrix>();
        var latest = new Latest(plan.source(), beforeEach);
        var sources = new ArrayList<Source>();
        for (String name : checkpoint.names()) {
            PlannedTensor other = tensors.get(name);
            PlannedMatrix planned = matrices.get(name);
            if (other != null) {
                sources.add(plain(checkpoint, name, other.dtype(), beforeEach));
            } else if (planned != null && written.add(planned)) {
                if (planned.unchanged()) {
                    sources.add(plain(checkpoint, name, checkpoint.tensor(name).dtype(), beforeEach));
                } else {
                    sources.addAll(sources(planned, latest));
                }
            }
        }
        return sources;
    }

    private static Source plain(Checkpoint checkpoint, String name, DType dtype, Runnable beforeEach) {
        return new Source(name, dtype, checkpoint.shape(name), () -> {
            beforeEach.run();
            return checkpoint.tensor(name);
        });
    }

    private List<Source> sources(PlannedMatrix planned, Latest latest) {
        Matrix matrix = planned.matrix();
        if (planned.layout() instanceof Dense dense) {
            Shape shape = matrix.transposed()
                    ? Shape.of(planned.columns(), planned.rows())
                    : Shape.of(planned.rows(), planned.columns());
            return List.of(new Source(
                    matrix.name() + ".weight", dense.dtype(), shape, () -> latest.plain(matrix, dense, shape)));
        }
        var sources = new ArrayList<Source>();
        List<PackedPart> parts = parts(planned);
        for (int i = 0; i < parts.size(); i++) {
            PackedPart part = parts.get(i);
            int index = i;
            sources.add(new Source(
                    matrix.name() + "." + part.word(),
                    part.dtype(),
                    part.shape(),
                    () -> latest.packed(matrix).get(index)));
        }
        return sources;
    }

    /** The matrix that is being written: its tensors are asked for one after the other. */
    private final class Latest {
        private final ConversionSource source;
        private final Runnable beforeEach;
        private @Nullable Matrix matrix;
        private List<Tensor> packed = List.of();

        Latest(ConversionSource source, Runnable beforeEach) {
            this.source = source;
            this.beforeEach = beforeEach;
        }

        List<Tensor> packed(Matrix wanted) {
            if (!wanted.equals(matrix)) {
                beforeEach.run();
                packed = List.of(); // not both at once
                packed = pack(hold(wanted, read(source, wanted)).weight());
                matrix = wanted;
            }
            return packed;
        }

        Tensor plain(Matrix wanted, Dense dense, Shape shape) {
            beforeEach.run();
            Weight held = hold(wanted, read(source, wanted)).weight();
            Weight stored =
                    wanted.transposed() ? held.transposedRows(held.name(), column -> column, held.columns()) : held;
            return new Tensor(dense.dtype(), shape, stored.values());
        }
    }
}
