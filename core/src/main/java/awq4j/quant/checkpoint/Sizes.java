package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.awq.AwqPacking;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.StoredMatrix;
import awq4j.quant.QuantScheme;
import awq4j.quant.Widths;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import java.util.HashSet;
import java.util.Set;

/**
 * How many bytes a result will have.
 *
 * @param packed of quantized linears, and of what runs beside them
 * @param other of all other tensors, in float16
 * @param quantizable how many matrices fit the packing
 */
record Sizes(long packed, long other, int quantizable) {
    /** @param method may leave all matrices plain, or put others beside them */
    static Sizes of(Checkpoint source, ModelSpec model, Widths widths, MethodChoice method) {
        long packed = 0;
        Set<String> packedNames = new HashSet<>();
        for (BlockSpec block : model.blocks()) {
            for (StoredMatrix matrix : StoredMatrix.of(block.quantizable())) {
                QuantScheme scheme = widths.of(matrix.name());
                if (method.codes() && fits(matrix, scheme)) {
                    packed += packed(matrix, scheme);
                    for (Linear part : matrix.parts()) {
                        long own = Math.min(method.rank(), Math.min(part.rows(), part.columns()));
                        packed += own * (part.rows() + part.columns()) * DType.F16.bytes();
                    }
                    packedNames.add(matrix.name() + ".weight");
                }
            }
        }
        Set<String> used = ModelScan.used(model);
        long other = 0;
        for (BlockSpec block : model.blocks()) {
            if (block.mlp() instanceof Mlp.Plain plain && plain.scales() != null && !source.has(plain.scales())) {
                other += (long) plain.output().columns() * DType.F16.bytes();
            }
        }
        for (String name : source.names()) {
            if (!packedNames.contains(name)) {
                Tensor tensor = source.tensor(name);
                boolean rounded = tensor.dtype().isFloat() && used.contains(name);
                other += tensor.shape().elements() * (rounded ? DType.F16 : tensor.dtype()).bytes();
            }
        }
        return new Sizes(packed, other, packedNames.size());
    }

    long total() {
        return packed + other;
    }

    private static boolean fits(StoredMatrix matrix, QuantScheme scheme) {
        return AwqPacking.fits(
                scheme.version(), matrix.rows(), matrix.columns(), scheme.groupSizeFor(matrix.columns()));
    }

    private static long packed(StoredMatrix matrix, QuantScheme scheme) {
        long words = ((long) matrix.rows() * scheme.bits() + 31) / 32;
        long groups = scheme.layout(matrix.columns()).groups(matrix.columns());
        return (matrix.columns() + groups) * words * Integer.BYTES + groups * matrix.rows() * DType.F16.bytes();
    }
}
