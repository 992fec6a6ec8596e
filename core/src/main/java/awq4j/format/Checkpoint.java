package awq4j.format;

import awq4j.format.packed.PackedFile;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * An opened model: its configuration and its tensors, whatever files they came in.
 *
 * <p>Tensors are read lazily from mapped files and stay valid until {@link #close}. Names and row order are those of
 * Hugging Face's transformers for the family. Safe for use by several threads.
 */
public interface Checkpoint extends AutoCloseable {
    /** The folder or file it was opened from. */
    Path path();

    /** The contents of {@code config.json}. */
    Config config();

    /** How the linears were quantized, empty for a plain checkpoint. */
    Optional<Quantization> quantization();

    /** The names of all tensors as stored; a packed linear shows its parts. */
    Set<String> names();

    /** Whether a tensor of that name is stored. */
    default boolean has(String name) {
        return names().contains(name);
    }

    /**
     * The tensor as stored; one that a GGUF file stores in blocks of codes is decoded to float32.
     *
     * @throws UnsupportedModelException if there is none of that name, naming close ones
     */
    Tensor tensor(String name);

    /** The extents of {@link #tensor}, without its data. */
    default Shape shape(String name) {
        return tensor(name).shape();
    }

    /** Bytes that the tensor takes where it is stored. */
    default long sizeBytes(String name) {
        return tensor(name).data().byteSize();
    }

    /** How packed linears lie in their tensors; empty if there are none, or none that share a packing. */
    default Optional<LinearPacking> packing() {
        return Optional.empty();
    }

    /** Whether the linear of that prefix is packed. */
    default boolean hasPacked(String prefix) {
        return packing().isPresent() && has(prefix + "." + packing().get().mark());
    }

    /** The names of the tensors that hold a linear's matrix; empty if there are none. */
    default List<String> matrixNames(String prefix) {
        if (hasPacked(prefix)) {
            return packing().orElseThrow().words().stream()
                    .map(word -> prefix + "." + word)
                    .filter(this::has)
                    .toList();
        }
        return has(prefix + ".weight") ? List.of(prefix + ".weight") : List.of();
    }

    /**
     * Extents of a linear's matrix as stored: [rows, columns] if it is packed. No codes are read.
     *
     * @throws UnsupportedModelException if it is not stored, or its tensors do not fit together
     */
    default Shape matrixShape(String prefix) {
        return hasPacked(prefix) ? packing().orElseThrow().shape(prefix, parts(prefix)) : shape(prefix + ".weight");
    }

    /** The tensors of a packed linear. */
    default LinearPacking.Parts parts(String prefix) {
        return word -> has(prefix + "." + word) ? tensor(prefix + "." + word) : null;
    }

    /** Whether {@link #linear} can answer for this prefix, packed or plain. */
    boolean hasLinear(String prefix);

    /**
     * The matrix of a linear layer: plain ({@code prefix.weight}) or packed ({@code prefix.qweight} and its
     * companions, say); the caller cannot tell. A packed one is unpacked on each call.
     *
     * @param prefix for example {@code model.layers.0.mlp.up_proj}
     */
    Weight linear(String prefix);

    /** The layout of {@link #linear}, which need not be read for it. */
    default WeightLayout layout(String prefix) {
        return linear(prefix).layout();
    }

    /** The file of packed weights that it was opened from itself, open as long as this is; empty if it has weights. */
    default Optional<PackedFile> packed() {
        return Optional.empty();
    }

    /** The files that say what the weights are, configuration included; empty if they are in no files. */
    default List<Path> files() {
        return List.of();
    }

    /** Unmaps the files; tensors must no longer be used. */
    @Override
    void close();

    /**
     * What {@code quantization_config} says.
     *
     * @param method {@code awq}, {@code gptq}, {@code gguf}, ...
     * @param groupSize columns that share a scale, or -1 for a whole row
     * @param symmetric whether all zeros are the middle code
     * @param version the packing, for example {@code gemm}
     * @param excluded {@code modules_to_not_convert}: parts of names whose linears were left alone; for people, since what
     *     is stored decides
     */
    record Quantization(
            String method, int bits, int groupSize, boolean symmetric, String version, List<String> excluded) {
        /** Copies the list. */
        public Quantization {
            excluded = List.copyOf(excluded);
        }
    }
}
