package awq4j.format.awq;

import awq4j.format.PackedTensors;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A line of words for each row: {@code qweight} int32 [N, K / 8], {@code qzeros} int32 [N, words], {@code scales}
 * [N, 8 * words]; nibbles in their natural order, groups padded with zeros to what the kernel reads at once.
 */
record RowOrder(Grouped layout, int rows, int columns) {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Whether the padding of groups of this size is defined. */
    static boolean fits(int groupSize) {
        return groupSize >= 128 || groupSize == 64 || groupSize == 32;
    }

    /** Words that the zeros of a row take: for groups of 64 and 32 a multiple of 2 and 4. */
    static int zeroWords(Grouped layout, int columns) {
        int multiple = layout.groupSize() >= 128 ? 1 : 128 / layout.groupSize();
        return Math.ceilDiv(Math.ceilDiv(layout.groups(columns), 8), multiple) * multiple;
    }

    Weight unpack(String name, Packed packed) {
        int words = zeroWords(layout, columns);
        int groups = layout.groups(columns);
        PackedTensors.expect(name + ".qweight", packed.qweight(), DType.I32, Shape.of(rows, columns / 8));
        PackedTensors.expect(name + ".qzeros", packed.qzeros(), DType.I32, Shape.of(rows, words));
        PackedTensors.expectFloats(name + ".scales", packed.scales(), Shape.of(rows, 8L * words));
        float[] stored = packed.scales().toFloats();
        byte[] zeros = new byte[rows * groups];
        float[] scales = new float[rows * groups];
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < groups; g++) {
                int word = packed.qzeros().data().get(INT, ((long) row * words + g / 8) * 4);
                zeros[row * groups + g] = (byte) ((word >>> (4 * (g % 8))) & 15);
                scales[row * groups + g] = stored[row * 8 * words + g];
            }
        }
        return new Weight(
                name,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(packed.qweight().data().toArray(ValueLayout.JAVA_BYTE)), // words of ours
                MemorySegment.ofArray(scales),
                MemorySegment.ofArray(zeros));
    }

    Packed pack(Weight weight) {
        int words = zeroWords(layout, columns);
        int[] qzeros = new int[rows * words];
        short[] scales = new short[rows * 8 * words];
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < layout.groups(columns); g++) {
                qzeros[row * words + g / 8] |= WeightCodec.zero(weight, layout, row, g) << (4 * (g % 8));
                scales[row * 8 * words + g] = Float.floatToFloat16(WeightCodec.scale(weight, layout, row, g));
            }
        }
        return new Packed(
                new Tensor(
                        DType.I32,
                        Shape.of(rows, columns / 8),
                        MemorySegment.ofArray(weight.values().toArray(ValueLayout.JAVA_BYTE))),
                Tensor.ofInts(qzeros, rows, words),
                new Tensor(DType.F16, Shape.of(rows, 8L * words), MemorySegment.ofArray(scales)));
    }
}
