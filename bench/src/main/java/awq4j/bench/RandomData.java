package awq4j.bench;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.tensor.DType;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Seeded matrices of every kind. */
final class RandomData {
    private static final int GROUP = 128;

    private RandomData() {}

    /** Values with mean 0 and deviation 1. */
    static float[] floats(long seed, int count) {
        var random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** A matrix of such values. */
    static Buffer buffer(Backend backend, long seed, int rows, int columns) {
        Buffer buffer = backend.allocate(rows, columns);
        backend.write(floats(seed, rows * columns), buffer);
        return buffer;
    }

    /**
     * A weight whose products are about as large as the activations.
     *
     * @param type {@code f32}, {@code f16}, {@code bf16}; {@code int2}, {@code int3}, {@code int4} or {@code int8} in groups of 128; or a type of GGUF
     *     blocks
     */
    static Weight weight(String type, int rows, int columns) {
        return switch (type) {
            case "f32", "f16", "bf16" -> dense(DType.valueOf(type.toUpperCase(java.util.Locale.ROOT)), rows, columns);
            case "int2" -> grouped(2, rows, columns);
            case "int3" -> grouped(3, rows, columns);
            case "int4" -> grouped(4, rows, columns);
            case "int8" -> grouped(8, rows, columns);
            default -> blocks(GgufType.valueOf(type), rows, columns);
        };
    }

    private static Weight dense(DType type, int rows, int columns) {
        float[] some = floats(1, 4096);
        byte[] bytes = new byte[Math.multiplyExact(rows * columns, type.bytes())];
        MemorySegment values = MemorySegment.ofArray(bytes);
        for (int i = 0; i < rows * columns; i++) {
            float value = (float) (some[(int) ((i * 2654435761L) >>> 20) & 4095] / Math.sqrt(columns));
            switch (type) {
                case F32 -> values.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, value);
                case F16 -> values.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, Float.floatToFloat16(value));
                default ->
                    values.set(
                            ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) (Float.floatToRawIntBits(value) >>> 16));
            }
        }
        return new Weight(type.name(), rows, columns, new Dense(type), values, null, null);
    }

    private static Weight grouped(int bits, int rows, int columns) {
        var layout = new Grouped(bits, GROUP, ZeroPoint.INTEGER);
        byte[] codes = new byte[rows * layout.rowBytes(columns)];
        new SplittableRandom(1).nextBytes(codes);
        int mask = layout.storageBits() == 4 ? ((1 << bits) - 1) * 0x11 : 0xff;
        for (int i = 0; i < codes.length; i++) {
            codes[i] &= (byte) mask;
        }
        float[] scales = new float[rows * columns / GROUP];
        double deviation = (1 << bits) / Math.sqrt(12); // of codes that are uniform
        Arrays.fill(scales, half(1 / (deviation * Math.sqrt(columns))));
        byte[] zeros = new byte[scales.length];
        Arrays.fill(zeros, (byte) (1 << (bits - 1)));
        return new Weight(
                "int" + bits,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(scales),
                MemorySegment.ofArray(zeros));
    }

    /** All bits random but the scales, float16 numbers in two places of each block. */
    private static Weight blocks(GgufType type, int rows, int columns) {
        var layout = new GgufBlock(type);
        byte[] bytes = new byte[Math.toIntExact(layout.sizeBytes(rows, columns))];
        new SplittableRandom(1).nextBytes(bytes);
        MemorySegment values = MemorySegment.ofArray(bytes);
        short scale = Float.floatToFloat16((float) (0.002 / Math.sqrt(columns)));
        int scaleAt = switch (type) {
            case Q5_0, Q5_1, Q4_K, Q5_K -> 0;
            case Q2_K -> 80;
            case Q3_K -> 108;
            case Q6_K -> 208;
        };
        boolean least =
                type == GgufType.Q5_1 || type == GgufType.Q2_K || type == GgufType.Q4_K || type == GgufType.Q5_K;
        for (int at = 0; at < bytes.length; at += type.blockBytes()) {
            values.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + scaleAt, scale);
            if (least) {
                values.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + scaleAt + 2, scale);
            }
        }
        return new Weight(type.name(), rows, columns, layout, values, null, null);
    }

    private static float half(double value) {
        return Float.float16ToFloat(Float.floatToFloat16((float) value));
    }
}
