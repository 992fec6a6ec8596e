package awq4j.format;

import awq4j.format.Checkpoint.Quantization;
import awq4j.format.awq.AwqLinears;
import awq4j.format.awq.AwqPacking;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.format.tinychat.EngineLinears;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The packing of files that no configuration states. Of llm-awq's own: 4 bits, in the order of TinyChat 2, told by its
 * {@code scaled_zeros}, or in that of the first TinyChat, told by scales that lie row by row. How many of them a row has
 * tells the group size. Of TinyChatEngine's: {@link EngineLinears#unstated}.
 */
final class UnstatedPacking {
    private static final String MARK = ".qweight";
    private static final int BITS = 4;

    /** The usual first: of a narrow matrix, groups of 128 and of a whole row may look the same. */
    private static final List<Integer> GROUP_SIZES = List.of(128, 64, 32, 256, 512, 1024);

    private UnstatedPacking() {}

    /** Empty if nothing is packed, or what is there has not the shapes of these files. */
    static Optional<QuantizationConfig> of(TensorFolder tensors) {
        return EngineLinears.unstated(tensors).map(QuantizationConfig::engine).or(() -> ofLlmAwq(tensors));
    }

    private static Optional<QuantizationConfig> ofLlmAwq(TensorFolder tensors) {
        return tensors.names().stream()
                .filter(name -> name.endsWith(MARK))
                .map(name -> name.substring(0, name.length() - MARK.length()))
                .filter(prefix -> tensors.names().contains(prefix + ".scales"))
                .filter(prefix -> !tensors.names().contains(prefix + ".g_idx"))
                .max(Comparator.comparingLong(
                        prefix -> tensors.tensor(prefix + ".scales").shape().elements()))
                .flatMap(prefix -> of(tensors, prefix));
    }

    private static Optional<QuantizationConfig> of(TensorFolder tensors, String prefix) {
        boolean second = tensors.names().contains(prefix + ".scaled_zeros");
        if (!second && !tensors.names().contains(prefix + ".qzeros")) {
            return Optional.empty();
        }
        Tensor codes = tensors.tensor(prefix + MARK);
        Tensor scales = tensors.tensor(prefix + ".scales");
        if (codes.shape().rank() != 2
                || scales.shape().rank() != 2
                || codes.dtype() != (second ? DType.I16 : DType.I32)
                || (!second && scales.shape().dim(0) != codes.shape().dim(0))) {
            return Optional.empty();
        }
        Version version = second ? Version.GEMV_FAST : Version.GEMV;
        Tensor zeros = tensors.tensor(prefix + (second ? ".scaled_zeros" : ".qzeros"));
        return GROUP_SIZES.stream()
                .filter(size -> fits(prefix, version, size, new Packed(codes, zeros, scales)))
                .findFirst()
                .map(size -> new QuantizationConfig(
                        new Quantization("awq", BITS, size, false, version.label(), List.of()),
                        new AwqLinears(version, BITS, size)));
    }

    private static boolean fits(String prefix, Version version, int size, Packed packed) {
        var shape = AwqPacking.shape(prefix, version, packed);
        int rows = (int) shape.dim(0);
        int columns = (int) shape.dim(1);
        var layout = new Grouped(BITS, size, ZeroPoint.INTEGER);
        return AwqPacking.fits(version, rows, columns, size)
                && AwqPacking.parts(version, rows, columns, layout)
                        .getLast()
                        .shape()
                        .equals(packed.scales().shape());
    }
}
