package awq4j.format.tinychat;

import awq4j.format.LinearPacking;
import awq4j.format.PackedTensors;
import awq4j.format.TensorFolder;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The packed linears of a TinyChatEngine folder: codes in blocks of 32, a float32 scale each, the zero always 8. */
public record EngineLinears(BlockOrder order) implements LinearPacking {
    /** How configurations name what these are. */
    public static final String METHOD = "tinychatengine";

    /** The word of the codes' files. */
    static final String CODES = "weight_int4";

    /** The word of the scales' files. */
    static final String SCALES = "scaling_factor_int4";

    /** The word of the files with the one zero. */
    static final String ZERO = "zero_point_int4";

    @Override
    public String label() {
        return METHOD + " " + order.label();
    }

    @Override
    public String mark() {
        return CODES;
    }

    @Override
    public List<String> words() {
        return List.of(CODES, SCALES, ZERO);
    }

    @Override
    public boolean fits(int rows, int columns) {
        return order.fits(rows, columns);
    }

    @Override
    public Shape shape(String name, Parts parts) {
        Shape codes = PackedTensors.rank2(name + "." + CODES, parts.get(name, CODES));
        int rows = PackedTensors.extent(name + "." + CODES, codes, 0, 1);
        int columns = PackedTensors.extent(name + "." + CODES, codes, 1, 2);
        PackedTensors.limit(name, rows, columns);
        return Shape.of(rows, columns);
    }

    @Override
    public Weight unpack(String name, Parts parts) {
        Shape shape = shape(name, parts);
        int rows = (int) shape.dim(0);
        int columns = (int) shape.dim(1);
        if (!order.fits(rows, columns)) {
            throw new UnsupportedModelException(name + ": " + order.label() + " has no place for " + shape
                    + ", expected columns in blocks of 32" + (order == BlockOrder.QM_X86 ? ", blocks in pairs" : ""));
        }
        Tensor codes = parts.get(name, CODES);
        Tensor scales = parts.get(name, SCALES);
        PackedTensors.expect(name + "." + CODES, codes, DType.U8, Shape.of(rows, columns / 2));
        PackedTensors.expect(name + "." + SCALES, scales, DType.F32, Shape.of(rows, columns / BlockOrder.COLUMNS));
        checkZero(name, parts.find(ZERO));
        checkOrder(name, codes.data(), scales.data());
        return new Weight(
                name,
                rows,
                columns,
                BlockOrder.LAYOUT,
                MemorySegment.ofArray(order.natural(codes.data())),
                MemorySegment.ofArray(scales.toFloats()),
                null);
    }

    private static void checkZero(String name, @Nullable Tensor zero) {
        if (zero == null) {
            return; // the engine takes it for granted, too
        }
        for (float value : zero.toFloats()) {
            if (value != 8) {
                throw new UnsupportedModelException(
                        name + "." + ZERO + ": expected 8, which all of TinyChatEngine's blocks have, found " + value);
            }
        }
    }

    private void checkOrder(String name, MemorySegment codes, MemorySegment scales) {
        if (order.explains(codes, scales)) {
            return;
        }
        Arrays.stream(BlockOrder.values())
                .filter(other -> codes.byteSize() % other.runBytes() == 0 && other.explains(codes, scales))
                .findFirst()
                .ifPresent(other -> {
                    throw new UnsupportedModelException(name + ": stated is the order " + order.label()
                            + ", but blocks are in that of " + other.label()
                            + "; put that as \"version\" into quant_config.json");
                });
    }

    /**
     * The packing of a folder whose configuration states none, as TinyChatEngine's own do not: told by its codes.
     *
     * @return empty if the folder has no such codes
     * @throws UnsupportedModelException if they are not in the order of {@link BlockOrder#QM_X86}: the others look the
     *     same, and must be stated
     */
    public static Optional<EngineLinears> unstated(TensorFolder tensors) {
        Optional<String> largest = tensors.names().stream()
                .filter(name -> name.endsWith("." + CODES))
                .map(name -> name.substring(0, name.length() - CODES.length()))
                .filter(prefix -> tensors.names().contains(prefix + SCALES))
                .max(Comparator.comparingLong(
                        prefix -> tensors.tensor(prefix + CODES).shape().elements()));
        return largest.map(prefix -> {
            MemorySegment codes = tensors.tensor(prefix + CODES).data();
            MemorySegment scales = tensors.tensor(prefix + SCALES).data();
            boolean certain = codes.byteSize() % BlockOrder.QM_X86.runBytes() == 0
                    && scales.byteSize() * 4 == codes.byteSize()
                    && BlockOrder.QM_X86.explains(codes, scales)
                    && !BlockOrder.QM_ARM.explains(codes, scales);
            if (!certain) {
                throw new UnsupportedModelException(tensors.path().getFileName()
                        + " holds TinyChatEngine's blocks, in an order that it does not state: put a file "
                        + "quant_config.json with {\"quant_method\": \"tinychatengine\", \"version\": \"QM_ARM\"}, or "
                        + "QM_METAL, or QM_x86, beside its config.json");
            }
            return new EngineLinears(BlockOrder.QM_X86);
        });
    }
}
