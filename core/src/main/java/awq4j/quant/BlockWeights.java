package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.Norm;
import awq4j.model.Parameters;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The numbers of one block in float32, on the heap: small enough to work on while the rest of the model stays in its
 * file. Matrices and vectors may be changed in place.
 *
 * <p>It is a source of {@link Parameters}, so a block can be run with it.
 */
public final class BlockWeights implements Parameters {
    private final Map<String, Matrix> matrices;
    private final Map<String, float[]> vectors;
    private final Map<String, LowRank> corrections = new LinkedHashMap<>();

    /**
     * A linear's matrix.
     *
     * @param values [rows, columns]
     * @param stored the type it had in the checkpoint, F32 if it was packed there
     */
    public record Matrix(Linear linear, float[] values, DType stored) {}

    private BlockWeights(Map<String, Matrix> matrices, Map<String, float[]> vectors) {
        this.matrices = matrices;
        this.vectors = vectors;
    }

    /** Copies a block's numbers out of a checkpoint. */
    public static BlockWeights load(BlockSpec spec, Parameters from) {
        var matrices = new LinkedHashMap<String, Matrix>();
        var vectors = new LinkedHashMap<String, float[]>();
        for (Linear linear : spec.linears()) {
            Weight weight = from.matrix(linear);
            DType stored = weight.layout() instanceof Dense dense ? dense.dtype() : DType.F32;
            matrices.put(linear.name(), new Matrix(linear, WeightCodec.decode(weight), stored));
            if (linear.bias()) {
                vectors.put(linear.name() + ".bias", from.bias(linear));
            }
        }
        for (Norm norm : spec.norms()) {
            for (String name : norm.tensors()) {
                vectors.put(name, from.vector(name, norm.values()));
            }
        }
        if (spec.mlp() instanceof Mlp.Plain plain && plain.scales() != null) {
            int size = plain.output().columns();
            vectors.put(plain.scales(), from.optional(plain.scales(), size).orElseGet(() -> ones(size)));
        }
        return new BlockWeights(matrices, vectors);
    }

    private static float[] ones(int size) {
        float[] ones = new float[size];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** An independent copy. */
    public BlockWeights copy() {
        var copies = new LinkedHashMap<String, Matrix>();
        matrices.forEach((name, matrix) ->
                copies.put(name, new Matrix(matrix.linear(), matrix.values().clone(), matrix.stored())));
        var vectorCopies = new LinkedHashMap<String, float[]>();
        vectors.forEach((name, values) -> vectorCopies.put(name, values.clone()));
        var copy = new BlockWeights(copies, vectorCopies);
        copy.corrections.putAll(corrections);
        return copy;
    }

    /**
     * Becomes what a quantized block holds, as a checkpoint will: quantized linears by their codes, the rest in float16.
     *
     * @param block made from these numbers
     */
    public void take(QuantizedBlock block) {
        matrices.forEach((name, matrix) -> {
            Weight weight = block.linears().get(name);
            if (weight == null) {
                toFloat16(matrix.values());
            } else {
                System.arraycopy(WeightCodec.decode(weight), 0, matrix.values(), 0, matrix.values().length);
            }
        });
        vectors.values().forEach(BlockWeights::toFloat16);
        corrections.putAll(block.corrections());
    }

    private static void toFloat16(float[] values) {
        for (int i = 0; i < values.length; i++) {
            values[i] = FloatFormats.roundToF16(values[i]);
        }
    }

    /** Matrices by the linear's tensor prefix, in the order in which they run. */
    public Map<String, Matrix> matrices() {
        return java.util.Collections.unmodifiableMap(matrices);
    }

    /** Norm gains and biases and scales of activations by tensor name, linears' biases by {@code LINEAR.bias}. */
    public Map<String, float[]> vectors() {
        return java.util.Collections.unmodifiableMap(vectors);
    }

    /**
     * The values [rows, columns] of a linear, not copied.
     *
     * @throws IllegalArgumentException if the block has none of that name
     */
    public float[] values(String linear) {
        Matrix matrix = matrices.get(linear);
        if (matrix == null) {
            throw new IllegalArgumentException("block has no linear " + linear);
        }
        return matrix.values();
    }

    @Override
    public Weight matrix(Linear linear) {
        return Weight.ofFloats(linear.name(), linear.rows(), linear.columns(), values(linear.name()));
    }

    @Override
    public Optional<LowRank> lowRank(Linear linear) {
        return Optional.ofNullable(corrections.get(linear.name()));
    }

    @Override
    public float[] bias(Linear linear) {
        return vector(linear.name() + ".bias", linear.rows());
    }

    @Override
    public Optional<float[]> optional(String name, int size) {
        return vectors.containsKey(name) ? Optional.of(vector(name, size)) : Optional.empty();
    }

    @Override
    public float[] vector(String name, int size) {
        float[] values = vectors.get(name);
        if (values == null || values.length != size) {
            throw new IllegalArgumentException("block has no vector " + name + " of " + size + " values");
        }
        return values;
    }
}
