package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * What a change of a linear's matrix does to its outputs over fixed inputs X: the mean of (X d)^2 over all tokens and
 * rows, d being a row of the change.
 *
 * <p>(X d)^2 summed over tokens is d^T (X^T X) d. With many tokens, or if only X^T X is at hand, the sum is taken that way,
 * over columns instead of tokens; the result is the same up to rounding (measured: relative 1e-6 on the golden models).
 * X^T X is symmetric, so that it is multiplied in strips up to its diagonal, with entries off it doubled: half the work.
 */
final class OutputError {
    private static final int CHUNK_ROWS = 256;
    private static final int STRIP = 512;

    private final Backend backend;
    private final int tokens;
    private final int columns;
    private final boolean gram;
    private final List<Strip> strips;

    /** Squares of the inputs' columns, if no more is known of them. */
    private final double[] squares;

    private final float[] difference;

    /** What is multiplied with the first {@code width} columns of a change; gives [rows, to - from]. */
    private record Strip(int from, int to, int width, PlacedWeight weight, Buffer in, Buffer out) {}

    /** Writes a row of the change, [columns], to {@code to} at {@code at}; called by several threads. */
    @FunctionalInterface
    interface Change {
        void row(int row, float[] to, int at);
    }

    /**
     * Prepares for fixed inputs.
     *
     * @param inputs [tokens, columns]; not copied, not modified
     * @param evaluatedRows about how many rows of changes will be asked for, all calls together
     */
    OutputError(Backend backend, float[] inputs, int columns, long evaluatedRows) {
        this.backend = backend;
        this.columns = columns;
        this.tokens = inputs.length / columns;
        this.gram = byGram(tokens, columns, evaluatedRows);
        this.squares = new double[0];
        this.difference = new float[CHUNK_ROWS * columns];
        this.strips = gram
                ? strips(Objects.requireNonNull(
                        InputStatistics.of(backend, inputs, columns).gram()))
                : List.of(strip(0, tokens, columns, inputs));
    }

    /** Prepares for inputs of which only X^T X is at hand: [columns, columns], summed over {@code tokens}. */
    static OutputError ofGram(Backend backend, float[] gram, int columns, int tokens) {
        return new OutputError(backend, tokens, columns, gram, new double[0]);
    }

    /** Prepares for inputs that were only counted; without a Gram matrix columns are taken for independent. */
    static OutputError of(Backend backend, InputStatistics inputs) {
        float[] gram = inputs.gram();
        return gram == null
                ? new OutputError(backend, inputs.tokens(), inputs.columns(), new float[0], inputs.squares())
                : ofGram(backend, gram, inputs.columns(), inputs.tokens());
    }

    private OutputError(Backend backend, int tokens, int columns, float[] matrix, double[] squares) {
        this.backend = backend;
        this.columns = columns;
        this.tokens = tokens;
        this.gram = true;
        this.squares = squares;
        this.difference = new float[CHUNK_ROWS * columns];
        this.strips = matrix.length == 0 ? List.of() : strips(matrix);
    }

    /** Tokens that the mean is over. */
    int tokens() {
        return tokens;
    }

    /** Whether the Gram matrix pays for itself. */
    private static boolean byGram(int tokens, int columns, long evaluatedRows) {
        return (double) (tokens + evaluatedRows) * columns < (double) evaluatedRows * tokens;
    }

    private List<Strip> strips(float[] matrix) {
        var all = new ArrayList<Strip>();
        for (int from = 0; from < columns; from += STRIP) {
            int first = from;
            int to = Math.min(columns, from + STRIP);
            float[] part = new float[(to - first) * to];
            IntStream.range(first, to).parallel().forEach(row -> {
                for (int c = 0; c < to; c++) {
                    part[(row - first) * to + c] = matrix[row * columns + c] * (c < first ? 2 : 1);
                }
            });
            all.add(strip(first, to, to, part));
        }
        return all;
    }

    private Strip strip(int from, int to, int width, float[] values) {
        return new Strip(
                from,
                to,
                width,
                backend.place(Weight.ofFloats("inputs", to - from, width, values)),
                backend.allocate(CHUNK_ROWS, width),
                backend.allocate(CHUNK_ROWS, to - from));
    }

    /** The mean squared output error of a matrix that takes another's place, both [rows, columns]. */
    double meanSquare(float[] before, float[] after) {
        return meanSquare(before.length / columns, (row, to, at) -> {
            for (int c = 0; c < columns; c++) {
                to[at + c] = after[row * columns + c] - before[row * columns + c];
            }
        });
    }

    /** The mean squared output error of a change of {@code rows} rows; NaN or infinite if the change is. */
    double meanSquare(int rows, Change change) {
        return meanSquare(rows, change, Double.POSITIVE_INFINITY);
    }

    /**
     * The same, given up early if it cannot matter.
     *
     * @param enough a mean above which the rest of the rows is not looked at
     * @return the mean, or something above {@code enough} and below the mean
     */
    double meanSquare(int rows, Change change, double enough) {
        double all = (double) rows * tokens;
        double sum = 0;
        for (int from = 0; from < rows && !(sum > enough * all); from += CHUNK_ROWS) {
            int first = from;
            for (double part :
                    chunk(Math.min(CHUNK_ROWS, rows - from), (row, to, at) -> change.row(first + row, to, at))) {
                sum += part;
            }
        }
        return sum / all;
    }

    /** The mean squared output error of each row of a change over the tokens, [rows]. */
    double[] meanSquares(int rows, Change change) {
        double[] means = new double[rows];
        for (int from = 0; from < rows; from += CHUNK_ROWS) {
            int first = from;
            double[] sums = chunk(Math.min(CHUNK_ROWS, rows - from), (row, to, at) -> change.row(first + row, to, at));
            for (int i = 0; i < sums.length; i++) {
                means[from + i] = sums[i] / tokens;
            }
        }
        return means;
    }

    /** The squared errors of some rows, summed over tokens, [count]. */
    private double[] chunk(int count, Change change) {
        IntStream.range(0, count).parallel().forEach(i -> change.row(i, difference, i * columns));
        double[] parts = new double[count];
        if (squares.length > 0) {
            IntStream.range(0, count).parallel().forEach(i -> parts[i] = independent(i));
        }
        for (Strip strip : strips) {
            float[] x = strip.width == columns ? difference : narrow(count, strip.width);
            Buffer in = strip.in.view(count);
            Buffer out = strip.out.view(count);
            backend.write(x, in);
            backend.kernels().linear(strip.weight, null, in, out);
            float[] product = new float[count * (strip.to - strip.from)];
            backend.read(out, product);
            IntStream.range(0, count)
                    .parallel()
                    .forEach(i -> parts[i] += gram ? quadratic(product, strip, i) : squares(product, i));
        }
        for (int i = 0; i < count; i++) {
            parts[i] = Math.max(parts[i], 0); // rounding can take a tiny sum below 0; NaN stays
        }
        return parts;
    }

    private float[] narrow(int count, int width) {
        float[] x = new float[count * width];
        for (int i = 0; i < count; i++) {
            System.arraycopy(difference, i * columns, x, i * width, width);
        }
        return x;
    }

    private double quadratic(float[] product, Strip strip, int row) {
        int width = strip.to - strip.from;
        double sum = 0;
        for (int c = 0; c < width; c++) {
            sum += (double) product[row * width + c] * difference[row * columns + strip.from + c];
        }
        return sum;
    }

    private double independent(int row) {
        double sum = 0;
        for (int c = 0; c < columns; c++) {
            double d = difference[row * columns + c];
            sum += d * d * squares[c];
        }
        return sum;
    }

    private double squares(float[] product, int row) {
        double sum = 0;
        for (int t = row * tokens; t < (row + 1) * tokens; t++) {
            sum += (double) product[t] * product[t];
        }
        return sum;
    }
}
