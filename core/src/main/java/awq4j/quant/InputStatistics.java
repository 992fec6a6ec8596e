package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.weight.Weight;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What methods need to know of a linear's inputs, as sums: over calls, threads and machines they add up. AWQ's scales
 * come from the mean magnitudes, the error of a linear's outputs and GPTQ's corrections from the Gram matrix, Wanda's
 * norms from its diagonal. The size does not depend on the number of tokens.
 *
 * <p>The Gram matrix takes 4 n^2 bytes for n columns; without it only its diagonal is kept. Each call's products are summed
 * in float32 and so are the calls: an entry is off by some units in the last place of its summed magnitudes. For one
 * thread at a time.
 */
public final class InputStatistics {
    /** What all Gram matrices of a block may take in memory; those that come then are left out. */
    public static final long GRAM_BYTES = 4L << 30;

    /** What a report says of a linear whose Gram matrix was left out. */
    static final String TOO_LARGE = ": its Gram matrix is beyond what a block's may take in memory";

    /** Rows of the matrix that are multiplied at once; what lies above the diagonal beyond them is left out. */
    private static final int STRIP = 512;

    private final int columns;
    private final double[] magnitudes;
    private final double[] squares;
    private final float @Nullable [] gram;
    private double tokens;

    /**
     * Nothing yet.
     *
     * @param whole whether to keep the Gram matrix, and not only its diagonal
     * @throws IllegalArgumentException if it has more entries than an array holds
     */
    public InputStatistics(int columns, boolean whole) {
        if (columns < 1 || (whole && !fits(columns))) {
            throw new IllegalArgumentException("a Gram matrix of " + columns + " columns is none of 2^31 - 9 entries");
        }
        this.columns = columns;
        this.magnitudes = new double[columns];
        this.squares = new double[columns];
        this.gram = whole ? new float[columns * columns] : null;
    }

    /** Whether an array holds the Gram matrix of so many columns. */
    static boolean fits(int columns) {
        return (long) columns * columns <= Integer.MAX_VALUE - 8;
    }

    /** Of inputs that are all at hand, with the Gram matrix; {@code rows} is [tokens, columns]. */
    public static InputStatistics of(Backend backend, float[] rows, int columns) {
        var statistics = new InputStatistics(columns, true);
        int step = Math.max(1, (1 << 23) / columns); // tokens whose transpose is held
        for (int from = 0; from < rows.length / columns; from += step) {
            int to = Math.min(rows.length / columns, from + step);
            statistics.add(backend, Arrays.copyOfRange(rows, from * columns, to * columns));
        }
        return statistics;
    }

    /**
     * Adds tokens.
     *
     * @param rows [tokens, columns]; not modified
     */
    public void add(Backend backend, float[] rows) {
        int count = rows.length / columns;
        if (count * columns != rows.length) {
            throw new IllegalArgumentException(
                    "inputs of " + columns + " columns: found " + rows.length + " values, which are no whole rows");
        }
        if (count == 0) {
            return;
        }
        tokens += count;
        float[] transposed = new float[rows.length];
        IntStream.range(0, (columns + STRIP - 1) / STRIP).parallel().forEach(strip -> {
            for (int c = strip * STRIP; c < Math.min(columns, (strip + 1) * STRIP); c++) {
                double magnitude = 0;
                double square = 0;
                for (int t = 0; t < count; t++) {
                    float value = rows[t * columns + c];
                    transposed[c * count + t] = value;
                    magnitude += Math.abs(value);
                    square += (double) value * value;
                }
                magnitudes[c] += magnitude;
                squares[c] += square;
            }
        });
        if (gram != null) {
            MemorySegment all = MemorySegment.ofArray(transposed);
            for (int from = 0; from < columns; from += STRIP) {
                addStrip(backend, all, from, Math.min(columns, from + STRIP), count);
            }
        }
    }

    /** Rows [from, to) up to the diagonal. */
    private void addStrip(Backend backend, MemorySegment transposed, int from, int to, int count) {
        float[] left = transposed
                .asSlice((long) from * count * Float.BYTES, (long) (to - from) * count * Float.BYTES)
                .toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT);
        Buffer x = backend.allocate(to - from, count);
        backend.write(left, x);
        Buffer out = backend.allocate(to - from, to);
        var right = new Weight(
                "inputs^T",
                to,
                count,
                new awq4j.weight.WeightLayout.Dense(awq4j.tensor.DType.F32),
                transposed.asSlice(0, (long) to * count * Float.BYTES),
                null,
                null);
        backend.kernels().linear(backend.place(right), null, x, out);
        float[] products = new float[(to - from) * to];
        backend.read(out, products);
        float[] sums = java.util.Objects.requireNonNull(gram);
        IntStream.range(from, to).parallel().forEach(row -> {
            for (int c = 0; c <= row; c++) {
                sums[row * columns + c] += products[(row - from) * to + c];
            }
        });
    }

    /**
     * Adds what was seen elsewhere.
     *
     * @throws IllegalArgumentException if it is of other columns, or only one of both has a Gram matrix
     */
    public void merge(InputStatistics other) {
        if (other.columns != columns || (other.gram == null) != (gram == null)) {
            throw new IllegalArgumentException("statistics of " + columns + " columns " + kind() + " and of "
                    + other.columns + " " + other.kind() + " do not add up");
        }
        tokens += other.tokens;
        for (int c = 0; c < columns; c++) {
            magnitudes[c] += other.magnitudes[c];
            squares[c] += other.squares[c];
        }
        if (gram != null && other.gram != null) {
            for (int i = 0; i < gram.length; i++) {
                gram[i] += other.gram[i];
            }
        }
    }

    /** Has all that was seen count for a share of what it did: sums fade, means stay. */
    void fade(double share) {
        tokens *= share;
        for (int c = 0; c < columns; c++) {
            magnitudes[c] *= share;
            squares[c] *= share;
        }
        float[] sums = gram;
        if (sums != null) {
            IntStream.range(0, columns).parallel().forEach(row -> {
                for (int i = row * columns; i <= row * columns + row; i++) {
                    sums[i] = (float) (sums[i] * share);
                }
            });
        }
    }

    /** What all tokens that were seen weigh together. */
    double weight() {
        return tokens;
    }

    private String kind() {
        return gram == null ? "with a diagonal" : "with a Gram matrix";
    }

    /** Columns of the inputs. */
    public int columns() {
        return columns;
    }

    /** Tokens that were seen; what they still weigh, rounded, if sums were made to fade. */
    public int tokens() {
        return Math.toIntExact(Math.round(tokens));
    }

    /** Mean magnitude of each column, [columns]; NaN if nothing was seen. */
    public float[] meanAbs() {
        float[] means = new float[columns];
        for (int c = 0; c < columns; c++) {
            means[c] = (float) (magnitudes[c] / tokens);
        }
        return means;
    }

    /** The sum of squares of each column, the Gram matrix' diagonal, [columns]. */
    public double[] squares() {
        return squares.clone();
    }

    /** X^T X summed over the tokens, [columns, columns], symmetric; not a copy. Null if only the diagonal was kept. */
    public float @Nullable [] gram() {
        float[] sums = gram;
        if (sums != null) {
            IntStream.range(0, columns).parallel().forEach(row -> {
                for (int c = row + 1; c < columns; c++) {
                    sums[row * columns + c] = sums[c * columns + row];
                }
            });
        }
        return sums;
    }
}
