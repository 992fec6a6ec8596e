package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Finds for every group of a matrix the largest magnitude it should keep: giving up the group's extremes makes all its
 * steps smaller (llm-awq's {@code auto_clip}).
 *
 * <p>For each group w of a row it tries m = max|w| * (1 - i / 20), i = 0..9, and keeps the m with the least mean of
 * (X q(clamp(w, -m, m)) - X w)^2 over about 512 tokens, X being the group's columns of the inputs. The mean is taken as
 * d^T (X^T X / tokens) d with d the difference of weights.
 */
final class ClipSearch {
    private static final int TOKENS = 512;
    static final int STEPS = 10;
    private static final double GRID = 20;

    private final Quantizer quantizer;
    private final int columns;
    private final int groupSize;
    private final float[][] grams;

    /**
     * What was found for a matrix.
     *
     * @param largest magnitude that each group keeps, [rows, groups]
     * @param errors mean squared error of each group's part of the output, [rows, groups]
     */
    record Clips(float[] largest, float[] errors) {}

    /**
     * Prepares a search for all linears that share an input.
     *
     * @param inputs [tokens, columns]; not modified
     * @param scale what the inputs are divided by, [columns]; null for nothing
     */
    ClipSearch(Quantizer quantizer, float[] inputs, int columns, float @Nullable [] scale) {
        this.quantizer = quantizer;
        this.columns = columns;
        this.groupSize = quantizer.scheme().groupSizeFor(columns);
        int tokens = inputs.length / columns;
        int step = Math.max(1, tokens / TOKENS);
        int count = (tokens + step - 1) / step;
        float[] sample = new float[count * columns];
        for (int t = 0; t < count; t++) {
            System.arraycopy(inputs, t * step * columns, sample, t * columns, columns);
        }
        if (scale != null) {
            Folding.divideColumns(sample, scale);
        }
        this.grams = new float[(columns + groupSize - 1) / groupSize][];
        IntStream.range(0, grams.length).parallel().forEach(g -> grams[g] = gram(sample, count, g));
    }

    /** The same over all tokens that were counted: the errors of groups need no more than the Gram matrix. */
    ClipSearch(Quantizer quantizer, InputStatistics inputs, float @Nullable [] scale) {
        this.quantizer = quantizer;
        this.columns = inputs.columns();
        this.groupSize = quantizer.scheme().groupSizeFor(columns);
        this.grams = new float[(columns + groupSize - 1) / groupSize][];
        float[] gram = inputs.gram();
        double[] squares = inputs.squares();
        IntStream.range(0, grams.length).parallel().forEach(g -> {
            int size = size(g);
            grams[g] = new float[size * size];
            for (int i = 0; i < size; i++) {
                for (int j = 0; j < size; j++) {
                    int row = g * groupSize + i;
                    int column = g * groupSize + j;
                    double sum = gram != null ? gram[row * columns + column] : i == j ? squares[row] : 0;
                    double divisor = scale == null ? 1 : (double) scale[row] * scale[column];
                    grams[g][i * size + j] = (float) (sum / divisor / inputs.tokens());
                }
            }
        });
    }

    /**
     * Whether a linear is clipped at all. Queries and keys go through a softmax: clipping them for their own outputs' sake
     * does harm. llm-awq goes by names and so leaves values alone where they are fused with queries, or clips all three.
     */
    static boolean wanted(BlockSpec spec, Linear linear) {
        return !linear.equals(spec.attention().query())
                && !linear.equals(spec.attention().key());
    }

    private int size(int group) {
        return Math.min(groupSize, columns - group * groupSize);
    }

    private float[] gram(float[] sample, int tokens, int group) {
        int from = group * groupSize;
        int size = size(group);
        double[] sums = new double[size * size];
        for (int t = 0; t < tokens; t++) {
            int start = t * columns + from;
            for (int i = 0; i < size; i++) {
                double x = sample[start + i];
                for (int j = 0; j < size; j++) {
                    sums[i * size + j] += x * sample[start + j];
                }
            }
        }
        float[] gram = new float[sums.length];
        for (int i = 0; i < gram.length; i++) {
            gram[i] = (float) (sums[i] / tokens);
        }
        return gram;
    }

    /** Searches all groups of a matrix [rows, columns]. */
    Clips search(int rows, float[] values) {
        int groups = grams.length;
        float[] largest = new float[rows * groups];
        float[] errors = new float[rows * groups];
        IntStream.range(0, rows).parallel().forEach(row -> {
            var bench = new Bench();
            for (int g = 0; g < groups; g++) {
                int at = row * groups + g;
                errors[at] = bench.search(values, row * columns + g * groupSize, size(g), grams[g]);
                largest[at] = bench.kept;
            }
        });
        return new Clips(largest, errors);
    }

    /** Room to try all candidates of one group side by side. */
    private final class Bench {
        private final float[] differences = new float[STEPS * groupSize];
        private final float[] products = new float[STEPS * groupSize];
        private final float[] candidate = new float[groupSize];
        private float kept;

        /** Leaves the best limit in {@link #kept} and returns its error. */
        float search(float[] values, int from, int size, float[] gram) {
            float whole = 0;
            for (int i = from; i < from + size; i++) {
                whole = Math.max(whole, Math.abs(values[i]));
            }
            for (int step = 0; step < STEPS; step++) {
                float limit = limit(whole, step);
                for (int i = 0; i < size; i++) {
                    candidate[i] = Math.min(Math.max(values[from + i], -limit), limit);
                }
                quantizer.roundRow(candidate, 0, size, candidate, 0);
                for (int i = 0; i < size; i++) {
                    differences[step * size + i] = candidate[i] - values[from + i];
                }
            }
            multiply(gram, size);
            float best = Float.POSITIVE_INFINITY;
            kept = whole;
            for (int step = 0; step < STEPS; step++) {
                float error = error(step * size, size);
                if (error < best) {
                    best = error;
                    kept = limit(whole, step);
                }
            }
            return best;
        }

        private static float limit(float whole, int step) {
            return whole * (float) (1 - step / GRID);
        }

        /** products = differences * gram, row by row of the gram so that the inner loop runs along memory. */
        private void multiply(float[] gram, int size) {
            Arrays.fill(products, 0);
            for (int c = 0; c < size; c++) {
                int line = c * size;
                for (int step = 0; step < STEPS; step++) {
                    float d = differences[step * size + c];
                    int to = step * size;
                    for (int i = 0; i < size; i++) {
                        products[to + i] += d * gram[line + i];
                    }
                }
            }
        }

        private float error(int from, int size) {
            double sum = 0;
            for (int i = from; i < from + size; i++) {
                sum += (double) products[i] * differences[i];
            }
            return (float) Math.max(sum, 0);
        }
    }
}
