package awq4j.format.compressed;

import awq4j.format.CodeStream;
import awq4j.format.GroupIndex;
import awq4j.format.LinearPacking;
import awq4j.format.PackedTensors;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The packed linears of a compressed-tensors checkpoint in format {@code pack-quantized}. A linear of N rows (outputs)
 * and K columns (inputs) in G groups has {@code weight_packed} int32 [N, K * bits / 32], a stream of codes along each
 * row; {@code weight_scale} [N, G]; {@code weight_shape} int64 [2], which is N and K; if it is not symmetric, {@code
 * weight_zero_point} int32 [N * bits / 32, G], a stream of zeros down each column; {@code weight_g_idx} int32 [K], the
 * group of each column, which may be missing.
 *
 * <p>Codes and zeros are stored with 2^(bits - 1) added to what they stand for, so value = scale * (code - zero) holds for
 * what is stored, too.
 *
 * @param schemes what config.json states, at least one; the tensors of a linear decide which of them is its own
 */
public record CompressedLinears(List<Scheme> schemes) implements LinearPacking {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** How some linears were quantized. */
    public record Scheme(int bits, int groupSize, boolean symmetric) {
        /** Groups in a row; a group size of -1 is one for the whole row. */
        int groups(int columns) {
            return groupSize == -1 ? 1 : Math.ceilDiv(columns, groupSize);
        }

        @Override
        public String toString() {
            return bits + " bits, " + (groupSize == -1 ? "one group a row" : "groups of " + groupSize) + ", "
                    + (symmetric ? "symmetric" : "with zeros");
        }
    }

    /** Copies the list. */
    public CompressedLinears {
        schemes = List.copyOf(schemes);
    }

    @Override
    public String label() {
        return "pack-quantized";
    }

    @Override
    public String mark() {
        return "weight_packed";
    }

    @Override
    public List<String> words() {
        return List.of("weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx");
    }

    @Override
    public boolean fits(int rows, int columns) {
        return true;
    }

    @Override
    public Shape shape(String name, Parts parts) {
        Tensor tensor = parts.get(name, "weight_shape");
        if (tensor.dtype() != DType.I64 || !tensor.shape().equals(Shape.of(2))) {
            throw new UnsupportedModelException(
                    name + ".weight_shape: expected I64 [2], found " + tensor.dtype() + " " + tensor.shape());
        }
        long rows = tensor.data().get(LONG, 0);
        long columns = tensor.data().get(LONG, Long.BYTES);
        if (rows < 1 || columns < 1 || rows > Integer.MAX_VALUE || columns > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(
                    name + ".weight_shape: expected extents from 1 to 2^31 - 1, found [" + rows + ", " + columns + "]");
        }
        return Shape.of(rows, columns);
    }

    @Override
    public Weight unpack(String name, Parts parts) {
        Shape shape = shape(name, parts);
        int rows = (int) shape.dim(0);
        int columns = (int) shape.dim(1);
        PackedTensors.limit(name, rows, columns);
        Tensor codes = parts.get(name, "weight_packed");
        Tensor scales = parts.get(name, "weight_scale");
        Tensor zeros = parts.find("weight_zero_point");
        Scheme scheme = scheme(name, shape, codes, scales, zeros);
        int bits = scheme.bits();
        int groups = scheme.groups(columns);
        PackedTensors.expect(
                name + ".weight_packed", codes, DType.I32, Shape.of(rows, CodeStream.words(columns, bits)));
        PackedTensors.expectFloats(name + ".weight_scale", scales, Shape.of(rows, groups));
        if (zeros != null) {
            PackedTensors.expect(
                    name + ".weight_zero_point", zeros, DType.I32, Shape.of(CodeStream.words(rows, bits), groups));
        }
        var layout = new Grouped(
                bits,
                scheme.groupSize() == -1 ? columns : scheme.groupSize(),
                zeros == null ? ZeroPoint.MIDDLE : ZeroPoint.INTEGER);
        InputOrder order =
                GroupIndex.order(name + ".weight_g_idx", parts.find("weight_g_idx"), columns, layout.groupSize());
        return new Weight(
                name,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(rows(codes.data(), layout, rows, columns, order)),
                MemorySegment.ofArray(scales.toFloats()),
                zeros == null ? null : MemorySegment.ofArray(zeros(zeros.data(), bits, rows, groups)),
                order);
    }

    private static byte[] rows(
            MemorySegment source, Grouped layout, int rows, int columns, @Nullable InputOrder order) {
        int bits = layout.bits();
        int words = CodeStream.words(columns, bits);
        int rowBytes = layout.rowBytes(columns);
        byte[] codes = new byte[Math.multiplyExact(rows, rowBytes)];
        boolean wholeWords = (long) columns * bits % 32 == 0;
        IntStream.range(0, rows).parallel().forEach(row -> {
            long start = (long) row * words;
            if (order == null && wholeWords) { // their words are our bytes
                MemorySegment.copy(
                        source, ValueLayout.JAVA_BYTE, start * Integer.BYTES, codes, row * rowBytes, rowBytes);
                return;
            }
            for (int column = 0; column < columns; column++) {
                int input = order == null ? column : order.input(column);
                int code = CodeStream.get(source, start, 1, bits, input);
                if (layout.storageBits() == 4) {
                    codes[row * rowBytes + column / 2] |= (byte) (code << (column % 2 * 4));
                } else {
                    codes[row * rowBytes + column] = (byte) code;
                }
            }
        });
        return codes;
    }

    private static byte[] zeros(MemorySegment source, int bits, int rows, int groups) {
        byte[] zeros = new byte[rows * groups];
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < groups; g++) {
                zeros[row * groups + g] = (byte) CodeStream.get(source, g, groups, bits, row);
            }
        }
        return zeros;
    }

    private Scheme scheme(String name, Shape shape, Tensor codes, Tensor scales, @Nullable Tensor zeros) {
        if (schemes.size() == 1) {
            Scheme only = schemes.getFirst();
            if (only.symmetric() != (zeros == null)) {
                throw new UnsupportedModelException(name + ": config.json states "
                        + (only.symmetric() ? "symmetric codes, the file has a" : "zeros, the file has no")
                        + " weight_zero_point");
            }
            return only;
        }
        int columns = (int) shape.dim(1);
        List<Scheme> fitting = schemes.stream()
                .distinct()
                .filter(scheme -> scheme.symmetric() == (zeros == null))
                .filter(scheme ->
                        codes.shape().equals(Shape.of(shape.dim(0), CodeStream.words(columns, scheme.bits()))))
                .filter(scheme -> scales.shape().equals(Shape.of(shape.dim(0), scheme.groups(columns))))
                .toList();
        if (fitting.size() != 1) {
            throw new UnsupportedModelException(name + ": expected one of the schemes of config.json to fit "
                    + codes.shape() + " words and " + scales.shape() + " scales, found "
                    + (fitting.isEmpty()
                            ? "none"
                            : fitting.stream().map(Scheme::toString).collect(Collectors.joining(" and "))));
        }
        return fitting.getFirst();
    }
}
