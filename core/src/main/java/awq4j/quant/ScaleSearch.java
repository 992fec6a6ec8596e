package awq4j.quant;

import awq4j.model.Linear;
import awq4j.model.ScaleGroup.Fold;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Finds the scale of one group's input channels that least disturbs an output: Lin et al., AWQ (2023), section 3.2, with
 * ratios 0, 1/20, ... 19/20. The loss of a scale s is the mean squared change of the output when every linear W of the
 * group is replaced by {@code Q(W s) / s}; the first least loss wins. Where losses are sums over rows it may be that of a
 * sample of them, see {@link RowRace}.
 */
final class ScaleSearch {
    static final int STEPS = 20;

    private final Quantizer quantizer;
    private final Scaling scaling;
    private final boolean identityFirst;
    private final boolean exhaustive;
    private final boolean sampled;

    /**
     * What was found for a group.
     *
     * @param scale [columns]
     * @param ratio the winning ratio; 0 also for the identity
     * @param losses in the order in which scales were tried; what lost may be given up early, with a smaller loss than
     *     its own but a larger one than the best
     * @param finite whether any loss was finite; if none, scale is the identity
     */
    record Found(float[] scale, double ratio, double[] losses, boolean finite) {}

    /** The loss of the matrices that replace a group's linears, in the group's order. */
    interface Loss {
        /**
         * The loss if the group's linears were scaled so.
         *
         * @param enough a loss above which any answer above it will do
         */
        double of(Candidate candidate, double enough);
    }

    /** A loss that is a mean over rows, of which some tell enough. */
    interface RowLoss extends Loss {
        /** How many there are. */
        int rows();

        /** The losses of some rows. */
        double[] of(Candidate candidate, int[] rows);
    }

    /** A search that looks at all of every loss that could be the least. */
    ScaleSearch(Quantizer quantizer, Scaling scaling, boolean asReference) {
        this(quantizer, scaling, asReference, false);
    }

    /**
     * A search.
     *
     * @param asReference to try the reference's ratios and no more, and measure every loss to the end; else plain rounding
     *     is always tried too, before all ratios where none gives it
     * @param sampled whether to look at no more rows than it takes to tell scales apart, where losses are sums over rows;
     *     not with {@code asReference}
     */
    ScaleSearch(Quantizer quantizer, Scaling scaling, boolean asReference, boolean sampled) {
        this.sampled = sampled && !asReference;
        this.quantizer = quantizer;
        this.scaling = scaling;
        this.identityFirst = !asReference && scaling != Scaling.PLAIN;
        this.exhaustive = asReference;
    }

    /** Searches with inputs [tokens, columns] that are at hand. */
    Found search(List<float[]> matrices, float[] inputs, int columns, Fold fold, Loss loss) {
        return search(matrices, Scaling.meanAbs(inputs, columns), fold, loss);
    }

    /**
     * Searches.
     *
     * @param matrices [rows, columns] of the linears that will be rounded; others of the group do not change
     * @param meanAbs mean magnitude of each column of the inputs; changed where columns share a scale
     * @param fold where the inverse will go: columns that one row feeds get one scale
     */
    Found search(List<float[]> matrices, float[] meanAbs, Fold fold, Loss loss) {
        int columns = meanAbs.length;
        float[] meanWeight =
                Scaling.meanWeight(matrices, columns, quantizer.scheme().groupSizeFor(columns));
        if (fold instanceof Fold.IntoRows into && into.sharing() > 1) {
            share(meanAbs, into);
            share(meanWeight, into);
        }
        var candidates = new ArrayList<Candidate>();
        if (identityFirst) {
            float[] ones = new float[columns];
            Arrays.fill(ones, 1);
            candidates.add(new Candidate(quantizer, ones));
        }
        for (int i = 0; i < STEPS; i++) {
            candidates.add(new Candidate(quantizer, scaling.scales(meanAbs, meanWeight, i / (double) STEPS)));
        }
        return sampled && loss instanceof RowLoss rows ? race(candidates, rows) : inTurn(candidates, loss);
    }

    private Found inTurn(List<Candidate> candidates, Loss loss) {
        double[] losses = new double[candidates.size()];
        double bestLoss = Double.POSITIVE_INFINITY;
        int best = -1;
        for (int i = 0; i < losses.length; i++) {
            losses[i] = loss.of(candidates.get(i), exhaustive ? Double.POSITIVE_INFINITY : bestLoss);
            if (losses[i] < bestLoss) {
                bestLoss = losses[i];
                best = i;
            }
        }
        return found(candidates, best, losses);
    }

    private Found race(List<Candidate> candidates, RowLoss loss) {
        RowRace.Result result = RowRace.run(
                candidates.size(), loss.rows(), (contender, rows) -> loss.of(candidates.get(contender), rows));
        return found(candidates, result.winner(), result.means());
    }

    /** @param best -1 if none has a finite loss */
    private Found found(List<Candidate> candidates, int best, double[] losses) {
        if (best < 0) {
            float[] ones = new float[candidates.getFirst().scale.length];
            Arrays.fill(ones, 1);
            return new Found(ones, 0, losses, false);
        }
        int step = identityFirst ? best - 1 : best;
        return new Found(candidates.get(best).scale, Math.max(0, step) / (double) STEPS, losses, true);
    }

    /** Gives columns that one row feeds the mean of their values. */
    private static void share(float[] values, Fold.IntoRows into) {
        double[] sums = new double[into.linear().rows()];
        for (int c = 0; c < values.length; c++) {
            sums[into.row(c)] += values[c];
        }
        for (int c = 0; c < values.length; c++) {
            values[c] = (float) (sums[into.row(c)] / into.sharing());
        }
    }

    /** A scale on trial: {@code Q(W s) / s}. */
    record Candidate(Quantizer quantizer, float[] scale) {
        /** One row of a matrix, [columns], written to {@code to} at {@code at}. */
        void row(float[] matrix, int row, float[] to, int at) {
            int columns = scale.length;
            int start = row * columns;
            for (int c = 0; c < columns; c++) {
                to[at + c] = matrix[start + c] * scale[c];
            }
            quantizer.roundRow(to, at, columns, to, at);
            for (int c = 0; c < columns; c++) {
                to[at + c] /= scale[c];
            }
        }

        /** The whole matrix. */
        void all(float[] matrix, float[] to) {
            int columns = scale.length;
            IntStream.range(0, matrix.length / columns).parallel().forEach(row -> row(matrix, row, to, row * columns));
        }
    }

    /** The loss in the output of the group's own linears. */
    static Loss ofLinears(List<float[]> matrices, int columns, OutputError error) {
        return ofParts(
                matrices.stream().map(matrix -> new Part(matrix, error, 1)).toList(), columns);
    }

    /** A linear of a group: its matrix, the error of its outputs, and how many tokens count in it. */
    record Part(float[] matrix, OutputError error, long tokens) {
        int rows(int columns) {
            return matrix.length / columns;
        }
    }

    /** The same where linears have inputs of their own: the mean over their rows and tokens. */
    static Loss ofParts(List<Part> parts, int columns) {
        return new PartsLoss(parts, columns);
    }

    private record PartsLoss(List<Part> parts, int columns) implements RowLoss {
        @Override
        public double of(Candidate candidate, double enough) {
            double all = weights();
            double sum = 0;
            for (Part part : parts) {
                int rows = part.rows(columns);
                double weight = (double) rows * part.tokens;
                sum += weight
                        * part.error.meanSquare(
                                rows,
                                (row, to, at) -> change(candidate, part, row, to, at),
                                (enough * all - sum) / weight);
                if (sum > enough * all) {
                    break;
                }
            }
            return sum / all;
        }

        private double weights() {
            return parts.stream()
                    .mapToDouble(part -> (double) part.rows(columns) * part.tokens)
                    .sum();
        }

        private void change(Candidate candidate, Part part, int row, float[] to, int at) {
            candidate.row(part.matrix, row, to, at);
            for (int c = 0; c < columns; c++) {
                to[at + c] -= part.matrix[row * columns + c];
            }
        }

        @Override
        public int rows() {
            return parts.stream().mapToInt(part -> part.rows(columns)).sum();
        }

        /** Rows are numbered through all parts; a row counts as its part's tokens do. */
        @Override
        public double[] of(Candidate candidate, int[] rows) {
            double unit = rows() / weights();
            double[] losses = new double[rows.length];
            int first = 0;
            for (Part part : parts) {
                int begin = first;
                int end = begin + part.rows(columns);
                int[] own = IntStream.range(0, rows.length)
                        .filter(i -> rows[i] >= begin && rows[i] < end)
                        .toArray();
                double[] means = part.error.meanSquares(
                        own.length, (i, to, at) -> change(candidate, part, rows[own[i]] - begin, to, at));
                for (int i = 0; i < own.length; i++) {
                    losses[own[i]] = means[i] * part.tokens * unit;
                }
                first = end;
            }
            return losses;
        }
    }

    /** The loss in the output of a module. */
    static Loss ofModule(List<Linear> linears, BlockWeights weights, ModuleError error) {
        Map<Linear, float[]> replaced = new HashMap<>();
        for (Linear linear : linears) {
            replaced.put(linear, new float[weights.values(linear.name()).length]);
        }
        return (candidate, enough) -> {
            replaced.forEach((linear, to) -> candidate.all(weights.values(linear.name()), to));
            return error.meanSquare(replaced, weights, enough);
        };
    }
}
