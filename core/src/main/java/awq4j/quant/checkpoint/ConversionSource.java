package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.LinearPacking;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.StoredMatrix;
import awq4j.model.family.Families;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A model to be converted: its matrices, by the names that they are stored under, and its other tensors. */
public final class ConversionSource {
    private final Checkpoint checkpoint;
    private final ModelSpec model;
    private final Map<String, Matrix> matrices = new LinkedHashMap<>();
    private final List<String> tensors = new ArrayList<>();
    private final Set<String> parts = new HashSet<>();
    private final Map<String, List<Linear>> corrected = new HashMap<>();

    private ConversionSource(Checkpoint checkpoint, ModelSpec model) {
        this.checkpoint = checkpoint;
        this.model = model;
    }

    /**
     * A stored matrix.
     *
     * @param name tensor prefix
     * @param place where it is in the model
     * @param transposed whether a plain one is stored as [columns, rows]
     */
    public record Matrix(String name, Place place, boolean transposed) {}

    /** Where a matrix is in the model. */
    public enum Place {
        /** In a block, one that may be of codes. */
        BLOCK,
        /** In a block, one that steers tokens to experts: plain in every form. */
        ROUTER,
        /** Embedding, output, and what lies beside. */
        OUTER,
        /** Not in the language model that is run. */
        ELSEWHERE
    }

    /**
     * Looks at what a checkpoint has.
     *
     * @throws awq4j.format.UnsupportedModelException if it is of no known family
     */
    public static ConversionSource of(Checkpoint checkpoint) {
        var source = new ConversionSource(checkpoint, Families.spec(checkpoint));
        source.collect();
        return source;
    }

    private void collect() {
        for (BlockSpec block : model.blocks()) {
            add(block.quantizable(), Place.BLOCK);
            add(block.linears().stream().filter(block::steers).toList(), Place.ROUTER);
        }
        add(model.outerLinears(), Place.OUTER);
        String mark = checkpoint.packing().map(LinearPacking::mark).orElse("");
        for (String name : checkpoint.names()) {
            if (!mark.isEmpty() && name.endsWith("." + mark)) {
                String prefix = name.substring(0, name.length() - mark.length() - 1);
                add(new Matrix(prefix, Place.ELSEWHERE, false));
            }
        }
        checkpoint.names().stream().filter(name -> !parts.contains(name)).forEach(tensors::add);
    }

    private void add(List<Linear> linears, Place place) {
        for (StoredMatrix matrix : StoredMatrix.of(linears)) {
            add(new Matrix(matrix.name(), place, matrix.transposed()));
            for (Linear part : matrix.parts()) {
                if (checkpoint.has(part.name() + LowRank.DOWN)) {
                    parts.addAll(List.of(part.name() + LowRank.DOWN, part.name() + LowRank.UP));
                    corrected
                            .computeIfAbsent(matrix.name(), name -> new ArrayList<>())
                            .add(part);
                }
            }
        }
    }

    private void add(Matrix matrix) {
        if (matrices.putIfAbsent(matrix.name(), matrix) == null) {
            parts.addAll(checkpoint.matrixNames(matrix.name()));
        }
    }

    /** The files. */
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /** What the files are of. */
    public ModelSpec model() {
        return model;
    }

    /** All matrices, in the order in which they run. */
    public List<Matrix> matrices() {
        return List.copyOf(matrices.values());
    }

    /** Names of tensors that are no parts of {@link #matrices}: norms, biases, positions, what is not used. */
    public List<String> tensors() {
        return Collections.unmodifiableList(tensors);
    }

    /** Names of the vectors that activations are divided by, as AWQ does where no scale can be folded; often none. */
    public List<String> activationScales() {
        var names = new ArrayList<String>();
        for (BlockSpec block : model.blocks()) {
            if (block.mlp() instanceof Mlp.Plain plain && plain.scales() != null && checkpoint.has(plain.scales())) {
                names.add(plain.scales());
            }
        }
        return names;
    }

    /** Whether a matrix of low rank runs beside a matrix, or a part of it. */
    public boolean isCorrected(Matrix matrix) {
        return corrected.containsKey(matrix.name());
    }

    /** The sum of a matrix and of what runs beside it, in float32; the matrix as it is if nothing does. */
    public Weight readCorrected(Matrix matrix) {
        Weight weight = read(matrix);
        List<Linear> linears = corrected.get(matrix.name());
        if (linears == null) {
            return weight;
        }
        float[] values = WeightCodec.decode(weight);
        Parameters parameters = Parameters.of(checkpoint);
        for (Linear linear : linears) {
            float[] correction = parameters.lowRank(linear).orElseThrow().decode();
            for (int i = 0; i < correction.length; i++) {
                int row = linear.stored().row(i / linear.columns());
                values[row * linear.columns() + i % linear.columns()] += correction[i];
            }
        }
        return Weight.ofFloats(weight.name(), weight.rows(), weight.columns(), values);
    }

    /** A matrix, [rows = outputs, columns = inputs] even if it is stored the other way round. */
    public Weight read(Matrix matrix) {
        Weight weight = checkpoint.linear(matrix.name());
        return matrix.transposed() && weight.layout() instanceof Dense
                ? weight.transposedRows(matrix.name(), row -> row, weight.columns())
                : weight;
    }
}
