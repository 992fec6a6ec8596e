package awq4j.tensor;

/** Conversion between float32 and the 16-bit formats, rounding half to even as PyTorch does. */
public final class FloatFormats {
    private FloatFormats() {}

    /** The float32 value of bfloat16 bits. */
    public static float bf16ToFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The nearest bfloat16, ties to even; NaN stays NaN, overflow becomes infinity. */
    public static short floatToBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40); // keep it quiet: truncation alone could give infinity
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }

    /** {@code value} rounded to float16 and back. */
    public static float roundToF16(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    /** {@code value} rounded to bfloat16 and back. */
    public static float roundToBf16(float value) {
        return bf16ToFloat(floatToBf16(value));
    }

    /** {@code value} as it survives storage in {@code dtype}. */
    public static float round(float value, DType dtype) {
        return switch (dtype) {
            case F16 -> roundToF16(value);
            case BF16 -> roundToBf16(value);
            case F32, F64 -> value;
            case I64, I32, I16, I8, U8, BOOL -> throw new IllegalArgumentException(dtype + " holds no fractions");
        };
    }
}
