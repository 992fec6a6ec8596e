package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.Weight;
import java.util.stream.IntStream;

/**
 * What a change of a linear's matrix does to its outputs over fixed inputs X: the mean of (X d)^2 over all tokens and
 * rows, d being a row of the change.
 *
 * <p>(X d)^2 summed over tokens is d^T (X^T X) d. With many tokens the sum is taken that way, over columns instead of
 * tokens; the result is the same up to rounding (measured: relative 1e-6 on the golden models).
 */
final class OutputError {
    private static final int CHUNK_ROWS = 256;

    /** Tokens whose products are summed in float32 before they go to double: keeps rounding below the loss' digits. */
    private static final int GRAM_TOKENS = 1024;

    private final Backend backend;
    private final int tokens;
    private final int columns;
    private final boolean gram;
    private final PlacedWeight weight;
    private final float[] difference;
    private final Buffer in;
    private final Buffer out;
    private final float[] product;

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
        this(backend, inputs, columns, byGram(inputs.length / columns, columns, evaluatedRows));
    }

    private OutputError(Backend backend, float[] inputs, int columns, boolean gram) {
        this(
                backend,
                inputs.length / columns,
                columns,
                gram,
                gram ? gram(backend, inputs, inputs.length / columns, columns) : inputs);
    }

    /** Prepares for inputs of which only X^T X is at hand: [columns, columns], summed over {@code tokens}. */
    static OutputError ofGram(Backend backend, float[] gram, int columns, int tokens) {
        return new OutputError(backend, tokens, columns, true, gram);
    }

    private OutputError(Backend backend, int tokens, int columns, boolean gram, float[] matrix) {
        this.backend = backend;
        this.columns = columns;
        this.tokens = tokens;
        this.gram = gram;
        int width = gram ? columns : tokens;
        this.weight = backend.place(Weight.ofFloats(gram ? "inputs^T inputs" : "inputs", width, columns, matrix));
        this.difference = new float[CHUNK_ROWS * columns];
        this.in = backend.allocate(CHUNK_ROWS, columns);
        this.out = backend.allocate(CHUNK_ROWS, width);
        this.product = new float[CHUNK_ROWS * width];
    }

    /** Whether the Gram matrix pays for itself. */
    private static boolean byGram(int tokens, int columns, long evaluatedRows) {
        return (double) (tokens + evaluatedRows) * columns < (double) evaluatedRows * tokens;
    }

    /** X^T X, [columns, columns]. */
    static float[] gram(Backend backend, float[] inputs, int tokens, int columns) {
        double[] sums = new double[Math.multiplyExact(columns, columns)];
        Buffer out = backend.allocate(columns, columns);
        float[] part = new float[sums.length];
        for (int from = 0; from < tokens; from += GRAM_TOKENS) {
            int count = Math.min(GRAM_TOKENS, tokens - from);
            float[] transposed = new float[columns * count];
            for (int t = 0; t < count; t++) {
                for (int c = 0; c < columns; c++) {
                    transposed[c * count + t] = inputs[(from + t) * columns + c];
                }
            }
            Buffer x = backend.allocate(columns, count);
            backend.write(transposed, x);
            var place = backend.place(Weight.ofFloats("inputs^T", columns, count, transposed));
            backend.kernels().linear(place, null, x, out);
            backend.read(out, part);
            for (int i = 0; i < part.length; i++) {
                sums[i] += part[i];
            }
        }
        for (int i = 0; i < part.length; i++) {
            part[i] = (float) sums[i];
        }
        return part;
    }

    /** The mean squared output error of a change of {@code rows} rows; NaN or infinite if the change is. */
    double meanSquare(int rows, Change change) {
        double sum = 0;
        for (int from = 0; from < rows; from += CHUNK_ROWS) {
            int first = from;
            int count = Math.min(CHUNK_ROWS, rows - from);
            IntStream.range(0, count).parallel().forEach(i -> change.row(first + i, difference, i * columns));
            Buffer x = in.view(count);
            Buffer y = out.view(count);
            backend.write(difference, x);
            backend.kernels().linear(weight, null, x, y);
            backend.read(y, product);
            double[] parts = new double[count];
            IntStream.range(0, count).parallel().forEach(i -> parts[i] = gram ? quadratic(i) : squares(i));
            for (double part : parts) {
                sum += part;
            }
        }
        return sum / ((double) rows * tokens);
    }

    private double quadratic(int row) {
        double sum = 0;
        for (int c = row * columns; c < (row + 1) * columns; c++) {
            sum += (double) product[c] * difference[c];
        }
        return Math.max(sum, 0); // rounding can take a tiny sum below 0; NaN stays
    }

    private double squares(int row) {
        double sum = 0;
        for (int t = row * tokens; t < (row + 1) * tokens; t++) {
            sum += (double) product[t] * product[t];
        }
        return sum;
    }
}
