package awq4j.eval.speed;

import awq4j.kernel.Precision;
import awq4j.tensor.DType;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Weights and the arithmetic they are used in, as speed is compared by: 4-bit ones in two, plain ones in floats. */
public enum SpeedPrecision {
    /** 4-bit weights, activations rounded to 8 bits. */
    W4A8(Precision.W4A8, null),
    /** 4-bit weights, exact. */
    W4A16(Precision.W4A16, null),
    /** Plain bfloat16 weights: what 4 bits are compared with. */
    BF16(Precision.W4A16, DType.BF16),
    /** Plain float16 weights. */
    F16(Precision.W4A16, DType.F16),
    /** Plain float32 weights. */
    F32(Precision.W4A16, DType.F32);

    private final Precision arithmetic;
    private final @Nullable DType dtype;

    SpeedPrecision(Precision arithmetic, @Nullable DType dtype) {
        this.arithmetic = arithmetic;
        this.dtype = dtype;
    }

    /** The name in reports and on the command line, in lower case. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The backend's arithmetic. */
    public Precision arithmetic() {
        return arithmetic;
    }

    /** The type of plain weights; empty where they have 4 bits. */
    public Optional<DType> plain() {
        return Optional.ofNullable(dtype);
    }

    /**
     * How a random model of this precision is stored.
     *
     * @param groupSize of 4-bit weights
     */
    public WeightKind weights(int groupSize) {
        return dtype == null ? new WeightKind.Quantized(groupSize) : new WeightKind.Plain(dtype);
    }

    /**
     * The precision of plain weights of a type.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static SpeedPrecision of(DType dtype) {
        for (SpeedPrecision precision : values()) {
            if (precision.dtype == dtype) {
                return precision;
            }
        }
        throw new IllegalArgumentException("weights of type " + dtype + " are not plain floats");
    }
}
