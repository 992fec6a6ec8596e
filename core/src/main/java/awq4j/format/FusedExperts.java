package awq4j.format;

import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Experts that lie in one tensor, [experts, rows, columns], taken apart: the model has a tensor for each, under the names
 * that transformers has for experts of their own. Nothing is copied.
 *
 * @param ending of the stored tensor's name
 * @param experts what stands in its place before the expert's number
 * @param linears what stands behind it, in the order of their rows, each with as many
 */
record FusedExperts(String ending, String experts, List<String> linears) {
    private static final List<FusedExperts> ALL = List.of(
            new FusedExperts(".experts.gate_up_proj", ".experts.", List.of("gate_proj", "up_proj")),
            new FusedExperts(".experts.down_proj", ".experts.", List.of("down_proj")),
            new FusedExperts(
                    ".block_sparse_moe.input_linear.weight",
                    ".block_sparse_moe.experts.",
                    List.of("gate_proj", "up_proj")),
            new FusedExperts(
                    ".block_sparse_moe.output_linear.weight", ".block_sparse_moe.experts.", List.of("down_proj")));

    /** More experts than any model has in a layer. */
    private static final int MOST = 1 << 12;

    /** Smaller than any expert is: with less, names would take more memory than the file. */
    private static final int LEAST_BYTES = 512;

    /** How the tensor of a name lies, empty if that is as it should. */
    static Optional<FusedExperts> of(String name) {
        return ALL.stream().filter(form -> name.endsWith(form.ending)).findFirst();
    }

    /**
     * Whether a tensor can be taken apart.
     *
     * @param bytes that it takes
     */
    boolean fits(Shape shape, long bytes) {
        return shape.rank() == 3
                && shape.dim(0) >= 1
                && shape.dim(0) <= MOST
                && shape.dim(1) % linears.size() == 0
                && bytes / shape.dim(0) >= LEAST_BYTES;
    }

    /**
     * Puts the parts of a tensor under their names.
     *
     * @param name of the tensor, which {@link #fits}
     */
    void put(String name, TensorFile file, Map<String, Supplier<Tensor>> places) {
        String prefix = name.substring(0, name.length() - ending.length()) + experts;
        Shape shape = file.shape(name);
        long rows = shape.dim(1) / linears.size();
        for (int e = 0; e < shape.dim(0); e++) {
            for (int i = 0; i < linears.size(); i++) {
                long first = e * shape.dim(1) + i * rows;
                places.put(prefix + e + "." + linears.get(i) + ".weight", () -> rows(file.tensor(name), first, rows));
            }
        }
    }

    private static Tensor rows(Tensor tensor, long first, long rows) {
        long columns = tensor.shape().dim(2);
        long width = columns * tensor.dtype().bytes();
        return new Tensor(tensor.dtype(), Shape.of(rows, columns), tensor.data().asSlice(first * width, rows * width));
    }
}
