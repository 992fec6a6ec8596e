package awq4j.format.awq;

import awq4j.format.CodeStream;
import awq4j.format.PackedPart;
import awq4j.format.PackedTensors;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The three tensors of a packed linear of N rows (outputs) and K columns (inputs) in G groups, {@code qweight}, {@code
 * qzeros} and {@code scales}; docs/formats/awq-packing.md says where every code lies.
 *
 * <p>In all versions value = scale * (code - zero), with zeros stored as they are or, in {@link Version#GEMV_FAST}, as
 * -scale * zero. A group runs along a row; only the dense packing may end in a shorter group.
 */
public final class AwqPacking {
    private AwqPacking() {}

    /** How codes lie in words. */
    public enum Version {
        /** AutoAWQ's GEMM order, eight neighbouring rows a word: what the hub, vLLM and transformers call {@code awq}. */
        GEMM("gemm"),
        /** AutoAWQ's GEMV order, eight neighbouring columns a word, as in the first llm-awq. */
        GEMV("gemv"),
        /** Four rows interleaved, zeros as floats, as in llm-awq since TinyChat 2. */
        GEMV_FAST("gemv_fast"),
        /** Ours, for the other widths: a gapless stream of bits. No other tool reads it. */
        DENSE("awq4j-dense");

        private final String label;

        Version(String label) {
            this.label = label;
        }

        /** As in {@code quantization_config.version}. */
        public String label() {
            return label;
        }

        /** The packing that quantized checkpoints of this width get. */
        public static Version forBits(int bits) {
            return bits == 4 ? GEMM : DENSE;
        }

        /** Whether the version has a place for codes of this width; eight bits are vLLM's reading of GEMM. */
        public boolean holds(int bits) {
            return switch (this) {
                case GEMM -> bits == 4 || bits == 8;
                case GEMV, GEMV_FAST -> bits == 4;
                case DENSE -> bits >= 2 && bits <= 8;
            };
        }

        /** The widths that {@link #holds} answers with yes, in words. */
        public String widths() {
            return switch (this) {
                case GEMM -> "4 or 8 bits";
                case GEMV, GEMV_FAST -> "4 bits";
                case DENSE -> "2 to 8 bits";
            };
        }

        /**
         * The packing that a checkpoint names.
         *
         * @throws UnsupportedModelException if {@code label} is none of ours
         */
        public static Version of(String label) {
            if (label.equalsIgnoreCase("llm-awq")) { // transformers' name for llm-awq's own layer
                return GEMV_FAST;
            }
            for (Version version : values()) {
                if (version.label.equalsIgnoreCase(label)) {
                    return version;
                }
            }
            throw new UnsupportedModelException("AWQ version \"" + label + "\" is not supported; supported: "
                    + Arrays.stream(values()).map(Version::label).collect(Collectors.joining(", ")));
        }
    }

    /** The tensors of one linear. */
    public record Packed(Tensor qweight, Tensor qzeros, Tensor scales) {}

    /** Whether the packing can hold a linear of this shape, as far as its readers can read it, too. */
    public static boolean fits(Version version, int rows, int columns, int groupSize) {
        return switch (version) {
            case GEMM -> rows % 8 == 0 && columns % groupSize == 0;
            case GEMV -> rows % 8 == 0 && columns % 8 == 0 && columns % groupSize == 0 && RowOrder.fits(groupSize);
            case GEMV_FAST ->
                rows % 4 == 0 && columns % 64 == 0 && columns % groupSize == 0 && RowOrder.fits(groupSize);
            case DENSE -> true;
        };
    }

    /**
     * Rows and columns by the shapes of the tensors alone.
     *
     * @throws UnsupportedModelException if a tensor has not two extents, or extents that no linear has
     */
    public static Shape shape(String name, Version version, Packed packed) {
        String named = name + ".qweight";
        PackedTensors.expectType(named, packed.qweight(), version == Version.GEMV_FAST ? DType.I16 : DType.I32);
        Shape codes = PackedTensors.rank2(named, packed.qweight());
        return switch (version) {
            case GEMM, DENSE -> {
                Shape scales = PackedTensors.rank2(name + ".scales", packed.scales());
                int rows = PackedTensors.extent(name + ".scales", scales, 1, 1);
                yield Shape.of(rows, PackedTensors.extent(named, codes, 0, 1));
            }
            case GEMV -> Shape.of(PackedTensors.extent(named, codes, 0, 1), PackedTensors.extent(named, codes, 1, 8));
            case GEMV_FAST ->
                Shape.of(PackedTensors.extent(named, codes, 0, 4), PackedTensors.extent(named, codes, 1, 1));
        };
    }

    /**
     * Unpacks one linear; the result is on the heap and shares nothing with the tensors. Its zeros are integers, or
     * biases if the float zeros of {@link Version#GEMV_FAST} are not multiples of their scales.
     *
     * @param groupSize columns a group, or -1 for whole rows
     * @throws UnsupportedModelException if the tensors' shapes or types do not fit together
     */
    public static Weight unpack(String name, Version version, int bits, int groupSize, Packed packed) {
        if (!version.holds(bits)) {
            throw new UnsupportedModelException(name + ": AWQ version " + version.label() + " holds " + version.widths()
                    + ", the file states " + bits);
        }
        Shape shape = shape(name, version, packed);
        int rows = (int) shape.dim(0);
        int columns = (int) shape.dim(1);
        PackedTensors.limit(name, rows, columns);
        int size = groupSize == -1 ? columns : groupSize;
        var layout = new Grouped(bits, size, ZeroPoint.INTEGER);
        if (!fits(version, rows, columns, size)) {
            throw new UnsupportedModelException(
                    name + ": " + rows + " x " + columns + " cannot be packed with group size " + size);
        }
        return switch (version) {
            case GEMM, DENSE -> new ColumnOrder(version, layout, rows, columns).unpack(name, packed);
            case GEMV -> new RowOrder(layout, rows, columns).unpack(name, packed);
            case GEMV_FAST -> new InterleavedOrder(layout, rows, columns).unpack(name, packed);
        };
    }

    /** Packs a quantized linear in the version that checkpoints of its width get. */
    public static Packed pack(Weight weight) {
        return pack(weight, Version.forBits(grouped(weight).bits()));
    }

    /**
     * Packs a quantized linear; scales, and biases of {@link Version#GEMV_FAST}, are rounded to float16, which loses
     * nothing if they were chosen among them.
     *
     * @throws IllegalArgumentException if the weight is dense, has an order of inputs, or biases that the version has no
     *     place for, or does not fit, see {@link #fits}
     */
    public static Packed pack(Weight weight, Version version) {
        Grouped layout = grouped(weight);
        if (layout.zeroPoint() == ZeroPoint.FLOAT && version != Version.GEMV_FAST) {
            throw new IllegalArgumentException(
                    "weight " + weight.name() + " has biases, AWQ version " + version.label() + " packs zeros");
        }
        if (weight.inputOrder() != null) {
            throw new IllegalArgumentException("weight " + weight.name()
                    + " has its columns in an order of their own, which AWQ has no place for");
        }
        int rows = weight.rows();
        int columns = weight.columns();
        if (!version.holds(layout.bits()) || !fits(version, rows, columns, layout.groupSize())) {
            throw new IllegalArgumentException("weight " + weight.name() + ": " + rows + " x " + columns
                    + " does not fit the packing with group size " + layout.groupSize());
        }
        return switch (version) {
            case GEMM, DENSE -> new ColumnOrder(version, layout, rows, columns).pack(weight);
            case GEMV -> new RowOrder(layout, rows, columns).pack(weight);
            case GEMV_FAST -> new InterleavedOrder(layout, rows, columns).pack(weight);
        };
    }

    /** The tensors that {@link #pack} makes of a linear, in the order of {@link Packed}. */
    public static List<PackedPart> parts(Version version, int rows, int columns, Grouped layout) {
        long groups = layout.groups(columns);
        long padded = 8L * RowOrder.zeroWords(layout, columns);
        return switch (version) {
            case GEMM, DENSE -> {
                long words = CodeStream.words(rows, layout.bits());
                yield parts(
                        DType.I32,
                        Shape.of(columns, words),
                        DType.I32,
                        Shape.of(groups, words),
                        Shape.of(groups, rows));
            }
            case GEMV ->
                parts(
                        DType.I32,
                        Shape.of(rows, columns / 8),
                        DType.I32,
                        Shape.of(rows, padded / 8),
                        Shape.of(rows, padded));
            case GEMV_FAST ->
                parts(
                        DType.I16,
                        Shape.of(rows / 4, columns),
                        DType.F16,
                        Shape.of(padded, rows),
                        Shape.of(padded, rows));
        };
    }

    private static List<PackedPart> parts(DType codes, Shape qweight, DType zeros, Shape qzeros, Shape scales) {
        return List.of(
                new PackedPart("qweight", codes, qweight),
                new PackedPart("qzeros", zeros, qzeros),
                new PackedPart("scales", DType.F16, scales));
    }

    /** Bytes that {@link #pack} makes of a linear. */
    public static long sizeBytes(Version version, int rows, int columns, Grouped layout) {
        return PackedPart.sizeBytes(parts(version, rows, columns, layout));
    }

    private static Grouped grouped(Weight weight) {
        if (weight.layout() instanceof Grouped layout) {
            return layout;
        }
        throw new IllegalArgumentException("weight " + weight.name() + " is not quantized: " + weight.layout());
    }
}
