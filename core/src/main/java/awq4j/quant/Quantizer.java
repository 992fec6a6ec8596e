package awq4j.quant;

import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Rounds matrices to codes, group by group along a row.
 *
 * <p>The arithmetic is that of llm-awq and AutoAWQ to the last bit: in an asymmetric group of values w,
 * {@code s = max(max(w) - min(w), 1e-5) / (2^bits - 1)}, {@code z = clamp(-rint(min(w) / s))},
 * {@code q = clamp(rint(w / s) + z)}, {@code w' = (q - z) * s}. Every operation is rounded to the arithmetic's type at
 * once, as PyTorch does on a CPU. The order matters: in a group that was clipped on both sides {@code min(w) / s} lies
 * exactly between two integers, and the last bit of s decides.
 *
 * <p>A column count that does not divide by the group size leaves a shorter last group in each row.
 */
public final class Quantizer {
    /** Smallest range of a group, so that a group of zeros has a scale. */
    private static final float FLOOR = 1e-5f;

    /** {@code (x + MAGIC) - MAGIC} is rint(x) for |x| up to 2^22, and unlike Math.rint it becomes vector code. */
    private static final float MAGIC = 0x1.8p23f;

    /** Ranges that {@link Range#LEAST_ERROR} tries, and the power of an error that it sums: the reference's. */
    private static final int SHRINKS = 80;

    private static final double NORM = 2.4;

    private final QuantScheme scheme;
    private final DType arithmetic;
    private final DType scales;
    private final float floor;
    private final float highest;
    private final int middle;
    private final boolean allCodes;

    /**
     * A quantizer whose results are bit for bit those of a reference implementation.
     *
     * @param arithmetic what each operation is rounded to: F32, F16 or BF16; values are expected to be of that type
     * @param scales what a scale is rounded to before codes are chosen with it; {@code arithmetic} for no such step
     */
    public Quantizer(QuantScheme scheme, DType arithmetic, DType scales) {
        this(scheme, arithmetic, scales, false);
    }

    private Quantizer(QuantScheme scheme, DType arithmetic, DType scales, boolean allCodes) {
        this.allCodes = allCodes;
        this.scheme = scheme;
        this.arithmetic = arithmetic;
        this.scales = scales;
        this.floor = FloatFormats.round(FLOOR, arithmetic);
        this.highest = (1 << scheme.bits()) - 1;
        this.middle = 1 << (scheme.bits() - 1);
    }

    /**
     * A quantizer for checkpoints: float32 arithmetic, each scale rounded to float16 as it will be stored, and the codes
     * chosen with the rounded scale.
     */
    public static Quantizer forCheckpoints(QuantScheme scheme) {
        return new Quantizer(scheme, DType.F32, DType.F16);
    }

    /** llm-awq's and AutoAWQ's arithmetic on float32 weights. */
    static Quantizer inFloat32(QuantScheme scheme) {
        return new Quantizer(scheme, DType.F32, DType.F32);
    }

    /**
     * GPTQ's reference, in float32: a symmetric group of largest magnitude m spreads all 2^bits codes over [-m, m], so its
     * scale is 2 m / (2^bits - 1), and the highest code falls short of m by half a step.
     */
    static Quantizer asGptq(QuantScheme scheme) {
        return new Quantizer(scheme, DType.F32, DType.F32, true);
    }

    /** What codes are made by. */
    public QuantScheme scheme() {
        return scheme;
    }

    /** Scale and zero of one group. */
    record Grid(float scale, float zero) {}

    /**
     * The codes of a matrix.
     *
     * @param name for messages, the tensor prefix
     * @param values [rows, columns], all finite; not modified
     * @param clip largest magnitude that each group keeps, [rows, groups]; null to keep all
     * @return a weight on the heap in {@link Grouped} layout; a scale is infinite if the group's range is beyond its type
     * @throws IllegalArgumentException if {@code clip} is not of that size
     */
    public Weight quantize(String name, int rows, int columns, float[] values, float @Nullable [] clip) {
        Grouped layout = scheme.layout(columns);
        int groups = layout.groups(columns);
        if (clip != null && clip.length != rows * groups) {
            throw new IllegalArgumentException(
                    "clips of " + name + ": expected " + rows + " x " + groups + ", found " + clip.length + " values");
        }
        byte[] codes = new byte[Math.multiplyExact(rows, layout.rowBytes(columns))];
        float[] groupScales = new float[Math.multiplyExact(rows, groups)];
        byte[] zeros = new byte[rows * groups];
        IntStream.range(0, rows).parallel().forEach(row -> {
            float[] kept = Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
            int codeStart = row * layout.rowBytes(columns);
            for (int g = 0; g < groups; g++) {
                int from = g * layout.groupSize();
                int to = Math.min(from + layout.groupSize(), columns);
                int at = row * groups + g;
                if (clip != null) {
                    clamp(kept, from, to, clip[at]);
                }
                Grid grid = grid(kept, from, to);
                groupScales[at] = grid.scale();
                zeros[at] = (byte) (int) grid.zero();
                for (int i = from; i < to; i++) {
                    put(codes, layout, codeStart, i, code(kept[i], grid));
                }
            }
        });
        return new Weight(
                name,
                rows,
                columns,
                layout,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(groupScales),
                layout.zeroPoint() == ZeroPoint.INTEGER ? MemorySegment.ofArray(zeros) : null);
    }

    private static void clamp(float[] values, int from, int to, float largest) {
        for (int i = from; i < to; i++) {
            values[i] = Math.min(Math.max(values[i], -largest), largest);
        }
    }

    /** Puts a code into a row of codes that was zero there. */
    static void put(byte[] codes, Grouped layout, int rowStart, int column, int code) {
        if (layout.storageBits() == 4) {
            codes[rowStart + column / 2] |= (byte) (code << ((column & 1) * 4));
        } else {
            codes[rowStart + column] = (byte) code;
        }
    }

    /**
     * The values that a matrix would have after quantization: pseudo-quantization.
     *
     * @param values [rows, columns], all finite
     * @param out [rows, columns]; may be {@code values}
     */
    public void round(int rows, int columns, float[] values, float[] out) {
        IntStream.range(0, rows)
                .parallel()
                .forEach(row -> roundRow(values, row * columns, columns, out, row * columns));
    }

    /** Pseudo-quantization of one row, from {@code values} at {@code from} to {@code out} at {@code to}; they may coincide. */
    void roundRow(float[] values, int from, int columns, float[] out, int to) {
        int size = scheme.groupSizeFor(columns);
        for (int start = 0; start < columns; start += size) {
            int end = Math.min(columns, start + size);
            Grid grid = grid(values, from + start, from + end);
            if (arithmetic == DType.F32) {
                float scale = grid.scale();
                float zero = grid.zero();
                for (int i = start; i < end; i++) {
                    float rounded = (values[from + i] / scale + MAGIC) - MAGIC;
                    out[to + i] = (Math.min(Math.max(rounded + zero, 0f), highest) - zero) * scale;
                }
            } else {
                for (int i = start; i < end; i++) {
                    float steps = code(values[from + i], grid) - grid.zero();
                    out[to + i] = rounded(steps * grid.scale());
                }
            }
        }
    }

    /** The grid of the values [from, to). */
    Grid grid(float[] values, int from, int to) {
        if (scheme.range() != Range.LEAST_ERROR) {
            return grid(values, from, to, 1);
        }
        Grid best = grid(values, from, to, 1);
        double least = Double.POSITIVE_INFINITY;
        for (int step = 0; step < SHRINKS; step++) {
            Grid grid = grid(values, from, to, (float) (1 - step / 100.0));
            double error = error(values, from, to, grid, least);
            if (error < least) {
                least = error;
                best = grid;
            }
        }
        return best;
    }

    /** The sum of |error|^2.4 on a grid, or something above {@code enough} if it is. */
    private double error(float[] values, int from, int to, Grid grid, double enough) {
        double sum = 0;
        for (int i = from; i < to && sum < enough; i++) {
            double error = Math.abs((code(values[i], grid) - grid.zero()) * grid.scale() - values[i]);
            sum += Math.pow(error, NORM);
        }
        return sum;
    }

    /** The grid of the values [from, to), their range multiplied by {@code shrink}. */
    private Grid grid(float[] values, int from, int to, float shrink) {
        float min = values[from];
        float max = min;
        for (int i = from + 1; i < to; i++) {
            min = Math.min(min, values[i]);
            max = Math.max(max, values[i]);
        }
        if (scheme.symmetric()) {
            float largest = Math.max(shrink * Math.max(Math.abs(min), Math.abs(max)), floor);
            float scale =
                    FloatFormats.round(rounded(allCodes ? 2 * largest / highest : largest / (middle - 1)), scales);
            return new Grid(scale, middle);
        }
        if (scheme.range() != Range.REFERENCE) {
            min = shrink * Math.min(min, 0);
            max = shrink * Math.max(max, 0);
        }
        float range = Math.max(rounded(max - min), floor);
        float scale = FloatFormats.round(rounded(range / highest), scales);
        float zero = Math.clamp(-(float) Math.rint(rounded(min / scale)), 0, highest);
        return new Grid(scale, zero);
    }

    /** The nearest code. */
    int code(float value, Grid grid) {
        return (int) Math.clamp((float) Math.rint(rounded(value / grid.scale())) + grid.zero(), 0, highest);
    }

    private float rounded(float value) {
        return FloatFormats.round(value, arithmetic);
    }
}
