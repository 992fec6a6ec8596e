package awq4j.format.awq;

import awq4j.format.PackedTensors;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.IntegerZeros;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/**
 * Four rows interleaved: {@code qweight} int16 [N / 4, K], {@code scales} and the zeros, as -scale * zero, [groups padded
 * as in {@link RowOrder}, N].
 */
record InterleavedOrder(Grouped layout, int rows, int columns) {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Where nibble {@code i} of a stretch of 32 columns of a row is in the row. */
    private static int column(int i) {
        int place = i % 8;
        return place % 4 * 8 + i / 8 * 2 + place / 4;
    }

    private int paddedGroups() {
        return 8 * RowOrder.zeroWords(layout, columns);
    }

    Weight unpack(String name, Packed packed) {
        PackedTensors.expect(name + ".qweight", packed.qweight(), DType.I16, Shape.of(rows / 4, columns));
        PackedTensors.expectFloats(name + ".qzeros", packed.qzeros(), Shape.of(paddedGroups(), rows));
        PackedTensors.expectFloats(name + ".scales", packed.scales(), Shape.of(paddedGroups(), rows));
        byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
        MemorySegment source = packed.qweight().data();
        IntStream.range(0, rows / 4).parallel().forEach(four -> unpack(source, four, codes));
        float[] scales = transposed(packed.scales());
        float[] biases = transposed(packed.qzeros());
        byte[] zeros = IntegerZeros.of(scales, biases, packed.qzeros().dtype(), layout.bits());
        return new Weight(
                name,
                rows,
                columns,
                zeros == null ? new Grouped(layout.bits(), layout.groupSize(), ZeroPoint.FLOAT) : layout,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(scales),
                zeros == null ? MemorySegment.ofArray(biases) : MemorySegment.ofArray(zeros));
    }

    private void unpack(MemorySegment source, int four, byte[] codes) {
        int rowBytes = layout.rowBytes(columns);
        for (int at = 0; at < columns; at++) { // 64 words hold 64 columns of four rows
            int row = four * 4 + at % 64 / 16;
            int word = source.get(SHORT, ((long) four * columns + at) * Short.BYTES);
            for (int v = 0; v < 4; v++) {
                int i = at % 16 * 4 + v;
                int k = at / 64 * 64 + i / 32 * 32 + column(i % 32);
                codes[row * rowBytes + k / 2] |= (byte) (((word >>> (4 * v)) & 15) << (k % 2 * 4));
            }
        }
    }

    private float[] transposed(Tensor tensor) {
        float[] stored = tensor.toFloats();
        int groups = layout.groups(columns);
        float[] out = new float[rows * groups];
        for (int g = 0; g < groups; g++) {
            for (int row = 0; row < rows; row++) {
                out[row * groups + g] = stored[g * rows + row];
            }
        }
        return out;
    }

    Packed pack(Weight weight) {
        int groups = layout.groups(columns);
        byte[] codes = weight.values().toArray(ValueLayout.JAVA_BYTE);
        short[] qweight = new short[Math.multiplyExact(rows / 4, columns)];
        IntStream.range(0, rows / 4).parallel().forEach(four -> pack(codes, four, qweight));
        short[] zeros = new short[paddedGroups() * rows];
        short[] scales = new short[paddedGroups() * rows];
        for (int g = 0; g < groups; g++) {
            for (int row = 0; row < rows; row++) {
                scales[g * rows + row] = Float.floatToFloat16(WeightCodec.scale(weight, layout, row, g));
                zeros[g * rows + row] = Float.floatToFloat16(bias(weight, row, g, scales[g * rows + row]));
            }
        }
        Shape padded = Shape.of(paddedGroups(), rows);
        return new Packed(
                new Tensor(DType.I16, Shape.of(rows / 4, columns), MemorySegment.ofArray(qweight)),
                new Tensor(DType.F16, padded, MemorySegment.ofArray(zeros)),
                new Tensor(DType.F16, padded, MemorySegment.ofArray(scales)));
    }

    /** What a group adds, as a float or as a zero. */
    private float bias(Weight weight, int row, int group, short scale) {
        return layout.zeroPoint() == ZeroPoint.FLOAT
                ? WeightCodec.bias(weight, layout, row, group)
                : -(Float.float16ToFloat(scale) * WeightCodec.zero(weight, layout, row, group));
    }

    private void pack(byte[] codes, int four, short[] qweight) {
        int rowBytes = layout.rowBytes(columns);
        for (int at = 0; at < columns; at++) {
            int row = four * 4 + at % 64 / 16;
            int word = 0;
            for (int v = 0; v < 4; v++) {
                int i = at % 16 * 4 + v;
                int k = at / 64 * 64 + i / 32 * 32 + column(i % 32);
                word |= ((codes[row * rowBytes + k / 2] >>> (k % 2 * 4)) & 15) << (4 * v);
            }
            qweight[four * columns + at] = (short) word;
        }
    }
}
