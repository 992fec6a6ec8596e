package awq4j.quant.checkpoint;

import awq4j.format.UnsupportedModelException;
import awq4j.quant.QuantScheme;
import awq4j.quant.Quantizer;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.InputOrder;
import awq4j.weight.IntegerZeros;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Brings matrices of codes to one width, one group size and float16 scales. A wider code holds a narrower one, and a
 * smaller group the scale of a larger: those lose nothing. What has no place is rounded anew.
 *
 * @param bits of a code
 * @param groupSize columns that share a scale, -1 for a whole row
 * @param ordered whether there is a place for an order of columns
 * @param biased whether there is a place for float16 biases in place of zeros
 * @param shapes whether there is a place for a matrix
 */
record Regrouping(int bits, int groupSize, boolean ordered, boolean biased, Shapes shapes) {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Whether a matrix of a shape has a place. */
    @FunctionalInterface
    interface Shapes {
        boolean fit(int rows, int columns, int groupSize);
    }

    private int groupSizeFor(int columns) {
        return groupSize == -1 ? columns : groupSize;
    }

    Held hold(Weight weight) {
        int size = groupSizeFor(weight.columns());
        if (!shapes.fit(weight.rows(), weight.columns(), size)) {
            return new Held(inFloat16(weight), "no place for matrices of this shape, kept in float16");
        }
        String obstacle = obstacle(weight, size);
        if (!obstacle.isEmpty()) {
            return new Held(again(weight), obstacle + ", rounded anew");
        }
        return regrouped(weight, (Grouped) weight.layout(), size);
    }

    private String obstacle(Weight weight, int size) {
        return switch (weight.layout()) {
            case Dense dense -> "plain " + dense.dtype();
            case GgufBlock block -> "blocks of " + block.type();
            case Grouped grouped -> {
                if (weight.inputOrder() != null && !ordered) {
                    yield "columns in an order of their own (act-order)";
                }
                if (grouped.bits() > bits) {
                    yield "codes of " + grouped.bits() + " bits";
                }
                if (grouped.groupSize() < weight.columns() && grouped.groupSize() % size != 0) {
                    yield "groups of " + grouped.groupSize();
                }
                yield grouped.zeroPoint() == ZeroPoint.FLOAT && zeros(weight, grouped) == null && !biased
                        ? "biases in place of zeros"
                        : "";
            }
        };
    }

    private Weight again(Weight weight) {
        float[] values = new float[Math.multiplyExact(weight.rows(), weight.columns())];
        IntStream.range(0, weight.rows()).parallel().forEach(row -> {
            float[] decoded = new float[weight.columns()];
            WeightCodec.decodeRow(weight, row, decoded);
            System.arraycopy(decoded, 0, values, row * decoded.length, decoded.length);
        });
        var scheme = new QuantScheme(bits, groupSize, false, QuantScheme.Range.INCLUDE_ZERO);
        return Quantizer.forCheckpoints(scheme).quantize(weight.name(), weight.rows(), weight.columns(), values, null);
    }

    /** The values in float16. */
    static Weight inFloat16(Weight weight) {
        MemorySegment values = Arena.ofAuto().allocate((long) weight.rows() * weight.columns() * Short.BYTES, 64);
        IntStream.range(0, weight.rows()).parallel().forEach(row -> {
            float[] decoded = new float[weight.columns()];
            WeightCodec.decodeRow(weight, row, decoded);
            short[] halves = new short[decoded.length];
            for (int k = 0; k < decoded.length; k++) {
                halves[k] = Float.floatToFloat16(decoded[k]);
            }
            MemorySegment.copy(halves, 0, values, SHORT, (long) row * halves.length * Short.BYTES, halves.length);
        });
        return new Weight(weight.name(), weight.rows(), weight.columns(), new Dense(DType.F16), values, null, null);
    }

    private Held regrouped(Weight weight, Grouped from, int size) {
        byte @Nullable [] integers = zeros(weight, from);
        var to = new Grouped(bits, size, integers == null ? ZeroPoint.FLOAT : ZeroPoint.INTEGER);
        int groups = to.groups(weight.columns());
        float[] scales = new float[Math.multiplyExact(weight.rows(), groups)];
        float[] biases = new float[integers == null ? scales.length : 0];
        byte[] zeros = new byte[integers == null ? 0 : scales.length];
        boolean exact = true;
        for (int row = 0; row < weight.rows(); row++) {
            for (int g = 0; g < groups; g++) {
                int at = row * groups + g;
                int source = (int) ((long) g * size / from.groupSize());
                float scale = WeightCodec.scale(weight, from, row, source);
                scales[at] = inFloat16(weight, scale);
                exact &= scales[at] == scale;
                if (integers == null) {
                    float bias = WeightCodec.bias(weight, from, row, source);
                    biases[at] = inFloat16(weight, bias);
                    exact &= biases[at] == bias;
                } else {
                    zeros[at] = integers[row * from.groups(weight.columns()) + source];
                }
            }
        }
        InputOrder order = weight.inputOrder();
        var held = new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                to,
                codes(weight, from, to),
                MemorySegment.ofArray(scales),
                integers == null ? MemorySegment.ofArray(biases) : MemorySegment.ofArray(zeros),
                order);
        return new Held(held, exact ? "" : "scales finer than float16, rounded");
    }

    private static float inFloat16(Weight weight, float value) {
        float rounded = FloatFormats.roundToF16(value);
        if (Float.isInfinite(rounded)) {
            throw new UnsupportedModelException(weight.name() + ": found a scale of " + value
                    + ", more than float16 holds, which is what this form keeps scales in");
        }
        return rounded;
    }

    /** Zeros of all groups as integers, null if there are biases that were made of none. */
    private static byte @Nullable [] zeros(Weight weight, Grouped from) {
        int count = weight.rows() * from.groups(weight.columns());
        return switch (from.zeroPoint()) {
            case MIDDLE -> {
                byte[] zeros = new byte[count];
                Arrays.fill(zeros, (byte) (1 << (from.bits() - 1)));
                yield zeros;
            }
            case INTEGER -> java.util.Objects.requireNonNull(weight.zeros()).toArray(ValueLayout.JAVA_BYTE);
            case FLOAT ->
                IntegerZeros.of(
                        java.util.Objects.requireNonNull(weight.scales()).toArray(FLOAT),
                        java.util.Objects.requireNonNull(weight.zeros()).toArray(FLOAT),
                        DType.F16,
                        from.bits());
        };
    }

    private static MemorySegment codes(Weight weight, Grouped from, Grouped to) {
        if (from.storageBits() == to.storageBits()) {
            return weight.values();
        }
        byte[] wide = new byte[Math.multiplyExact(weight.rows(), weight.columns())];
        IntStream.range(0, weight.rows()).parallel().forEach(row -> {
            byte[] codes = WeightCodec.rowCodes(weight, from, row);
            for (int k = 0; k < weight.columns(); k++) {
                wide[row * weight.columns() + k] = (byte) WeightCodec.code(codes, from.storageBits() == 4, k);
            }
        });
        return MemorySegment.ofArray(wide);
    }
}
