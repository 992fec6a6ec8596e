package awq4j.bench.peers;

import java.nio.ByteBuffer;

/** Decoders of block formats, written from their definitions: value i is step times code. */
final class Definitions {
    private Definitions() {}

    /** One Q4_0 block: value i from the low half of byte i, or from the high half of byte i - 16. */
    static float[] q4(ByteBuffer block, int at) {
        float step = Float.float16ToFloat(block.getShort(at));
        float[] values = new float[32];
        for (int i = 0; i < 32; i++) {
            int pair = block.get(at + 2 + i % 16);
            values[i] = step * ((i < 16 ? pair & 15 : (pair >> 4) & 15) - 8);
        }
        return values;
    }

    /** One Q6_K block, value by value: see the format's picture in {@link BlockFormat}. */
    static float[] q6(ByteBuffer block, int at) {
        float unit = Float.float16ToFloat(block.getShort(at + 208));
        float[] values = new float[256];
        for (int i = 0; i < 256; i++) {
            int half = i / 128;
            int in = i % 128;
            int low = (block.get(at + 64 * half + in % 64) >> (in < 64 ? 0 : 4)) & 15;
            int high = (block.get(at + 128 + 32 * half + in % 32) >> (2 * (in / 32))) & 3;
            values[i] = unit * block.get(at + 192 + i / 16) * ((low | (high << 4)) - 32);
        }
        return values;
    }
}
