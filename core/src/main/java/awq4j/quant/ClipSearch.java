package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.weight.Weight;
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

    /** Rows whose candidates are multiplied at once: enough for fast products, few enough for the second-level cache. */
    private static final int ROWS = 100;

    private final Backend backend;
    private final Quantizer quantizer;
    private final int columns;
    private final int groupSize;
    private final PlacedWeight[] grams;

    /**
     * What was found for a matrix.
     *
     * @param largest magnitude that each group keeps, [rows, groups]
     * @param errors mean squared error of each group's part of the output, [rows, groups]
     */
    record Clips(float[] largest, float[] errors) {}

    /**
     * Prepares a search for all linears that share an input. For one caller at a time.
     *
     * @param backend where products are computed
     * @param inputs [tokens, columns]; not modified
     * @param scale what the inputs are divided by, [columns]; null for nothing
     */
    ClipSearch(Backend backend, Quantizer quantizer, float[] inputs, int columns, float @Nullable [] scale) {
        this.backend = backend;
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
        var matrices = new float[Math.ceilDiv(columns, groupSize)][];
        IntStream.range(0, matrices.length).parallel().forEach(g -> matrices[g] = gram(sample, count, g));
        this.grams = place(matrices);
    }

    /** The same over all tokens that were counted: the errors of groups need no more than the Gram matrix. */
    ClipSearch(Backend backend, Quantizer quantizer, InputStatistics inputs, float @Nullable [] scale) {
        this.backend = backend;
        this.quantizer = quantizer;
        this.columns = inputs.columns();
        this.groupSize = quantizer.scheme().groupSizeFor(columns);
        var matrices = new float[Math.ceilDiv(columns, groupSize)][];
        float[] gram = inputs.gram();
        double[] squares = inputs.squares();
        IntStream.range(0, matrices.length).parallel().forEach(g -> {
            int size = size(g);
            float[] own = new float[size * size];
            for (int i = 0; i < size; i++) {
                for (int j = 0; j < size; j++) {
                    int row = g * groupSize + i;
                    int column = g * groupSize + j;
                    double sum = gram != null ? gram[row * columns + column] : i == j ? squares[row] : 0;
                    double divisor = scale == null ? 1 : (double) scale[row] * scale[column];
                    own[i * size + j] = (float) (sum / divisor / inputs.tokens());
                }
            }
            matrices[g] = own;
        });
        this.grams = place(matrices);
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

    /** Gram matrices, which are their own transposes, as what differences are multiplied with. */
    private PlacedWeight[] place(float[][] matrices) {
        var placed = new PlacedWeight[matrices.length];
        for (int g = 0; g < placed.length; g++) {
            placed[g] = backend.place(Weight.ofFloats("Gram matrix", size(g), size(g), matrices[g]));
        }
        return placed;
    }

    /** Searches all groups of a matrix [rows, columns]. */
    Clips search(int rows, float[] values) {
        int groups = grams.length;
        var clips = new Clips(new float[rows * groups], new float[rows * groups]);
        var bench = new Bench();
        for (int first = 0; first < rows; first += ROWS) {
            for (int g = 0; g < groups; g++) {
                bench.search(values, first, Math.min(ROWS, rows - first), g, clips);
            }
        }
        return clips;
    }

    /** Room to try all candidates of a group of some rows side by side. */
    private final class Bench {
        private final float[] differences = new float[ROWS * STEPS * groupSize];
        private final float[] products = new float[ROWS * STEPS * groupSize];
        private final float[] whole = new float[ROWS];

        void search(float[] values, int first, int rows, int group, Clips clips) {
            int size = size(group);
            IntStream.range(0, rows)
                    .parallel()
                    .forEach(row -> round(values, (first + row) * columns + group * groupSize, row, size));
            Buffer in = backend.allocate(rows * STEPS, size);
            Buffer out = backend.allocate(rows * STEPS, size);
            backend.write(differences, in);
            backend.kernels().linear(grams[group], null, in, out);
            backend.read(out, products);
            IntStream.range(0, rows)
                    .parallel()
                    .forEach(row -> choose(row, size, (first + row) * grams.length + group, clips));
        }

        /** The differences of a row's candidates. */
        private void round(float[] values, int from, int row, int size) {
            float largest = 0;
            for (int i = from; i < from + size; i++) {
                largest = Math.max(largest, Math.abs(values[i]));
            }
            whole[row] = largest;
            for (int step = 0; step < STEPS; step++) {
                int at = (row * STEPS + step) * size;
                float limit = limit(largest, step);
                for (int i = 0; i < size; i++) {
                    differences[at + i] = Math.min(Math.max(values[from + i], -limit), limit);
                }
                quantizer.roundRow(differences, at, size, differences, at);
                for (int i = 0; i < size; i++) {
                    differences[at + i] -= values[from + i];
                }
            }
        }

        private void choose(int row, int size, int at, Clips clips) {
            float best = Float.POSITIVE_INFINITY;
            float kept = whole[row];
            for (int step = 0; step < STEPS; step++) {
                float error = error((row * STEPS + step) * size, size);
                if (error < best) {
                    best = error;
                    kept = limit(whole[row], step);
                }
            }
            clips.errors[at] = best;
            clips.largest[at] = kept;
        }

        private static float limit(float whole, int step) {
            return whole * (float) (1 - step / GRID);
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
