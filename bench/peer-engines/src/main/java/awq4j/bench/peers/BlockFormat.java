package awq4j.bench.peers;

import java.nio.ByteBuffer;

/** Formats of weights in GGUF files: so many weights of a row are one block of so many bytes. */
enum BlockFormat {
    F32(0, 1, 4),
    /** 32 weights: a half-precision scale, 16 bytes of two codes each. */
    Q4_0(2, 32, 18),
    /** 256 weights: 4 low bits of each, 2 high bits of each, 16 scales in a byte, a half-precision scale of those. */
    Q6_K(14, 256, 210);

    private static final int SUB_BLOCK = 16;

    final int ggufType;
    final int weights;
    final int bytes;

    BlockFormat(int ggufType, int weights, int bytes) {
        this.ggufType = ggufType;
        this.weights = weights;
        this.bytes = bytes;
    }

    /**
     * Appends one block.
     *
     * @param values from {@code at} on, as many as a block holds
     * @param out little-endian, at the block's place
     */
    void encode(float[] values, int at, ByteBuffer out) {
        switch (this) {
            case F32 -> out.putFloat(values[at]);
            case Q4_0 -> encodeQ4(values, at, out);
            case Q6_K -> encodeQ6(values, at, out);
        }
    }

    /** The value of greatest magnitude becomes code 0, which stands for -8 steps; code 8 is zero. */
    private static void encodeQ4(float[] values, int at, ByteBuffer out) {
        float extreme = 0;
        for (int i = 0; i < 32; i++) {
            extreme = Math.abs(values[at + i]) > Math.abs(extreme) ? values[at + i] : extreme;
        }
        float step = extreme / -8;
        float inverse = step == 0 ? 0 : 1 / step;
        out.putShort(Float.floatToFloat16(step));
        for (int i = 0; i < 16; i++) {
            int low = Math.min(15, (int) (values[at + i] * inverse + 8.5f));
            int high = Math.min(15, (int) (values[at + i + 16] * inverse + 8.5f));
            out.put((byte) (low | (high << 4)));
        }
    }

    /**
     * Codes 0 to 63 stand for -32 to 31 steps; each 16 weights have a step, a multiple of the block's smallest. Two halves
     * of 128 weights; in each, byte i of the low bits has weights i and i + 64, byte i of the high ones i, i + 32, i + 64
     * and i + 96.
     */
    private static void encodeQ6(float[] values, int at, ByteBuffer out) {
        float[] steps = new float[256 / SUB_BLOCK];
        float longest = 0;
        for (int i = 0; i < 256; i++) {
            float step = Math.abs(values[at + i]) / 32;
            steps[i / SUB_BLOCK] = Math.max(steps[i / SUB_BLOCK], step);
            longest = Math.max(longest, step);
        }
        short half = Float.floatToFloat16(longest / 127);
        float unit = Float.float16ToFloat(half);
        byte[] scales = new byte[steps.length];
        byte[] codes = new byte[256];
        for (int i = 0; i < 256; i++) {
            int scale = unit == 0 ? 0 : Math.clamp(Math.round(steps[i / SUB_BLOCK] / unit), 0, 127);
            scales[i / SUB_BLOCK] = (byte) scale;
            int code = scale == 0 ? 0 : Math.clamp(Math.round(values[at + i] / (unit * scale)), -32, 31);
            codes[i] = (byte) (code + 32);
        }
        putLowBits(codes, out);
        putHighBits(codes, out);
        out.put(scales);
        out.putShort(half);
    }

    private static void putLowBits(byte[] codes, ByteBuffer out) {
        for (int half = 0; half < 256; half += 128) {
            for (int i = half; i < half + 64; i++) {
                out.put((byte) ((codes[i] & 15) | ((codes[i + 64] & 15) << 4)));
            }
        }
    }

    private static void putHighBits(byte[] codes, ByteBuffer out) {
        for (int half = 0; half < 256; half += 128) {
            for (int i = half; i < half + 32; i++) {
                int high = 0;
                for (int quarter = 0; quarter < 4; quarter++) {
                    high |= (codes[i + 32 * quarter] >> 4) << (2 * quarter);
                }
                out.put((byte) high);
            }
        }
    }
}
