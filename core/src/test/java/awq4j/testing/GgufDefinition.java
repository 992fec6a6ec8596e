package awq4j.testing;

import awq4j.tensor.FloatFormats;
import awq4j.testing.GgufModels.BlockType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The definition of the blocks of GGUF files, value by value. */
final class GgufDefinition {
    private static final int COLUMNS = 32;

    private GgufDefinition() {}

    private static int bytes(BlockType type) {
        return switch (type) {
            case F32 -> 4;
            case F16, BF16 -> 2;
            case Q4_0 -> 2 + 16;
            case Q4_1 -> 4 + 16;
            case Q5_0 -> 2 + 4 + 16;
            case Q5_1 -> 4 + 4 + 16;
            case Q8_0 -> 2 + 32;
        };
    }

    private static int bits(BlockType type) {
        return switch (type) {
            case Q4_0, Q4_1 -> 4;
            case Q5_0, Q5_1 -> 5;
            case Q8_0 -> 8;
            case F32, F16, BF16 -> throw new IllegalArgumentException(type.toString());
        };
    }

    private static boolean hasLeast(BlockType type) {
        return type == BlockType.Q4_1 || type == BlockType.Q5_1;
    }

    private static boolean isPlain(BlockType type) {
        return type == BlockType.F32 || type == BlockType.F16 || type == BlockType.BF16;
    }

    static byte[] encode(BlockType type, float[] values) {
        int each = isPlain(type) ? 1 : COLUMNS;
        byte[] bytes = new byte[values.length / each * bytes(type)];
        ByteBuffer out = little(bytes);
        for (int at = 0; at < values.length; at += each) {
            switch (type) {
                case F32 -> out.putFloat(values[at]);
                case F16 -> out.putShort(Float.floatToFloat16(values[at]));
                case BF16 -> out.putShort(FloatFormats.floatToBf16(values[at]));
                case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 -> encodeBlock(type, values, at, out);
            }
        }
        return bytes;
    }

    private static void encodeBlock(BlockType type, float[] values, int at, ByteBuffer out) {
        float least = values[at];
        float most = values[at];
        for (int i = 1; i < COLUMNS; i++) {
            least = Math.min(least, values[at + i]);
            most = Math.max(most, values[at + i]);
        }
        int bits = bits(type);
        int middle = 1 << (bits - 1);
        float step = hasLeast(type) ? (most - least) / ((1 << bits) - 1) : Math.max(-least, most) / (middle - 1);
        short half = Float.floatToFloat16(step);
        short halfLeast = Float.floatToFloat16(least);
        float offset = hasLeast(type) ? Float.float16ToFloat(halfLeast) : -middle * Float.float16ToFloat(half);
        int[] codes = new int[COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            float exact = step == 0 ? 0 : (values[at + i] - offset) / Float.float16ToFloat(half);
            codes[i] = Math.clamp(Math.round(exact), 0, (1 << bits) - 1);
        }
        out.putShort(half);
        if (hasLeast(type)) {
            out.putShort(halfLeast);
        }
        put(type, codes, out);
    }

    private static void put(BlockType type, int[] codes, ByteBuffer out) {
        if (type == BlockType.Q8_0) {
            for (int code : codes) {
                out.put((byte) (code - 128));
            }
            return;
        }
        if (bits(type) == 5) {
            int high = 0;
            for (int i = 0; i < COLUMNS; i++) {
                high |= (codes[i] >> 4) << i;
            }
            out.putInt(high);
        }
        for (int j = 0; j < 16; j++) {
            out.put((byte) ((codes[j] & 15) | (codes[j + 16] & 15) << 4));
        }
    }

    static float[] decode(BlockType type, byte[] bytes) {
        ByteBuffer in = little(bytes);
        int each = isPlain(type) ? 1 : COLUMNS;
        float[] values = new float[bytes.length / bytes(type) * each];
        for (int at = 0; at < values.length; at += each) {
            switch (type) {
                case F32 -> values[at] = in.getFloat();
                case F16 -> values[at] = Float.float16ToFloat(in.getShort());
                case BF16 -> values[at] = FloatFormats.bf16ToFloat(in.getShort());
                case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 -> decodeBlock(type, in, values, at);
            }
        }
        return values;
    }

    private static void decodeBlock(BlockType type, ByteBuffer in, float[] values, int at) {
        float step = Float.float16ToFloat(in.getShort());
        float least = hasLeast(type) ? Float.float16ToFloat(in.getShort()) : 0;
        int high = bits(type) == 5 ? in.getInt() : 0;
        for (int j = 0; j < COLUMNS; j++) {
            switch (type) {
                case Q8_0 -> values[at + j] = step * in.get(in.position() + j);
                case Q4_0 -> values[at + j] = step * (nibble(in, j) - 8);
                case Q4_1 -> values[at + j] = step * nibble(in, j) + least;
                case Q5_0 -> values[at + j] = step * ((nibble(in, j) | ((high >>> j) & 1) << 4) - 16);
                case Q5_1 -> values[at + j] = step * (nibble(in, j) | ((high >>> j) & 1) << 4) + least;
                case F32, F16, BF16 -> throw new IllegalArgumentException(type.toString());
            }
        }
        in.position(in.position() + (type == BlockType.Q8_0 ? 32 : 16));
    }

    private static int nibble(ByteBuffer in, int column) {
        int both = in.get(in.position() + column % 16);
        return column < 16 ? both & 15 : (both >>> 4) & 15;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
