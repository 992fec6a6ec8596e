package awq4j.weight;

/**
 * Rounds floats to the plain block types of GGUF files, 32 columns a block, as ggml's reference quantizers define it: all
 * arithmetic in float32, each product and sum rounded by itself; the scale is rounded to float16 after the codes were
 * found with the unrounded one.
 */
public enum GgufEncoder {
    /** Float16 scale, nibbles; the value of greatest magnitude becomes code 0, which stands for -8. */
    Q4_0(18) {
        @Override
        void encodeBlock(float[] x, int at, byte[] out, int outAt) {
            float scale = most(x, at) / -8;
            float inverse = inverse(scale);
            half(scale, out, outAt);
            for (int i = 0; i < COLUMNS / 2; i++) {
                int low = Math.min(15, (int) (x[at + i] * inverse + 8.5f));
                int high = Math.min(15, (int) (x[at + COLUMNS / 2 + i] * inverse + 8.5f));
                out[outAt + 2 + i] = (byte) (low | (high << 4));
            }
        }
    },
    /** Float16 scale and least value, nibbles. */
    Q4_1(20) {
        @Override
        void encodeBlock(float[] x, int at, byte[] out, int outAt) {
            float least = x[at];
            float most = x[at];
            for (int i = at + 1; i < at + COLUMNS; i++) {
                least = Math.min(least, x[i]);
                most = Math.max(most, x[i]);
            }
            float scale = (most - least) / 15;
            float inverse = inverse(scale);
            half(scale, out, outAt);
            half(least, out, outAt + 2);
            for (int i = 0; i < COLUMNS / 2; i++) {
                int low = Math.min(15, (int) ((x[at + i] - least) * inverse + 0.5f));
                int high = Math.min(15, (int) ((x[at + COLUMNS / 2 + i] - least) * inverse + 0.5f));
                out[outAt + 4 + i] = (byte) (low | (high << 4));
            }
        }
    },
    /** Float16 scale, signed bytes; halves are rounded away from zero. */
    Q8_0(34) {
        @Override
        void encodeBlock(float[] x, int at, byte[] out, int outAt) {
            float most = 0;
            for (int i = at; i < at + COLUMNS; i++) {
                most = Math.max(most, Math.abs(x[i]));
            }
            float scale = most / 127;
            float inverse = inverse(scale);
            half(scale, out, outAt);
            for (int i = 0; i < COLUMNS; i++) {
                double scaled = x[at + i] * inverse;
                out[outAt + 2 + i] = (byte) (scaled + Math.copySign(0.5, scaled)); // exact in double, then cut off
            }
        }
    };

    /** Columns of a block; a row is a whole number of blocks. */
    public static final int COLUMNS = 32;

    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int INFINITE = 0x7f80_0000;

    private final int blockBytes;

    GgufEncoder(int blockBytes) {
        this.blockBytes = blockBytes;
    }

    /** Bytes of a block. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Bytes of {@code n} values, a whole number of blocks. */
    public long sizeBytes(long n) {
        return n / COLUMNS * blockBytes;
    }

    /**
     * Encodes {@code n} values from {@code x[at]} on.
     *
     * @param out receives {@link #sizeBytes} bytes from {@code outAt} on
     * @throws IllegalArgumentException if they are not a whole number of blocks, or a value is not finite or so large that
     *     a float16 cannot hold its block's scale
     */
    public void encode(float[] x, int at, int n, byte[] out, int outAt) {
        if (n % COLUMNS != 0) {
            throw new IllegalArgumentException(this + " needs values in multiples of " + COLUMNS + ", found " + n);
        }
        int greatest = 0; // magnitudes are in the order of their bits, and the compiler makes vectors of this
        for (int i = at; i < at + n; i++) {
            greatest = Math.max(greatest, Float.floatToRawIntBits(x[i]) & MAGNITUDE);
        }
        if (greatest >= INFINITE) {
            throw notFinite(x, at, n);
        }
        for (int block = 0; block < n / COLUMNS; block++) {
            encodeBlock(x, at + block * COLUMNS, out, outAt + block * blockBytes);
        }
    }

    private IllegalArgumentException notFinite(float[] x, int at, int n) {
        int i = at;
        while (i + 1 < at + n && Float.isFinite(x[i])) {
            i++;
        }
        return new IllegalArgumentException(this + " holds finite values, found " + x[i] + " at " + (i - at));
    }

    abstract void encodeBlock(float[] x, int at, byte[] out, int outAt);

    /**
     * The value of greatest magnitude in a block, of several the first. Magnitudes are in the order of their bits; four
     * chains of comparisons do not wait for each other.
     */
    static float most(float[] x, int at) {
        int a = 0;
        int b = 0;
        int c = 0;
        int d = 0;
        for (int i = at; i < at + COLUMNS; i += 4) {
            a = Math.max(a, Float.floatToRawIntBits(x[i]) & MAGNITUDE);
            b = Math.max(b, Float.floatToRawIntBits(x[i + 1]) & MAGNITUDE);
            c = Math.max(c, Float.floatToRawIntBits(x[i + 2]) & MAGNITUDE);
            d = Math.max(d, Float.floatToRawIntBits(x[i + 3]) & MAGNITUDE);
        }
        int greatest = Math.max(Math.max(a, b), Math.max(c, d));
        if (greatest == 0) {
            return 0; // of zeros none is greatest, not even one below zero
        }
        int i = at;
        while ((Float.floatToRawIntBits(x[i]) & MAGNITUDE) != greatest) {
            i++;
        }
        return x[i];
    }

    /** What values are multiplied by; 0 where the scale is too small to be divided by. */
    static float inverse(float scale) {
        float inverse = 1 / scale;
        return Float.isFinite(inverse) ? inverse : 0;
    }

    final void half(float value, byte[] out, int at) {
        short bits = Float.floatToFloat16(value);
        if (!Float.isFinite(Float.float16ToFloat(bits))) {
            throw new IllegalArgumentException(
                    this + " holds scales and least values as float16, at most 65504, found " + value);
        }
        out[at] = (byte) bits;
        out[at + 1] = (byte) (bits >> 8);
    }
}
