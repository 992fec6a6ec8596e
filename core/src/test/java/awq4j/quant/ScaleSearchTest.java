package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup.Fold;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ScaleSearchTest {
    private static final Quantizer QUANTIZER =
            new Quantizer(new QuantScheme(4, 4, false, Range.REFERENCE), DType.F32, DType.F32);
    private static final float[] MATRIX = {1, -2, 3, 0.5f, -1, 0.25f, 2, 1};
    private static final float[] INPUTS = {1, 4, 0.25f, 0, -1, 4, 0.25f, 0};
    private static final Fold OWN_ROWS = new Fold.IntoRows(new Linear("before", 4, 4, false));

    /** Answers with given losses, one after the other, and notes what it was asked. */
    private static final class Script implements ScaleSearch.Loss {
        final double[] losses;
        final List<Double> enough = new ArrayList<>();
        final List<float[]> scales = new ArrayList<>();

        Script(double... losses) {
            this.losses = losses;
        }

        @Override
        public double of(ScaleSearch.Candidate candidate, double enoughNow) {
            enough.add(enoughNow);
            scales.add(candidate.scale());
            return losses[Math.min(scales.size(), losses.length) - 1];
        }
    }

    private static ScaleSearch.Found search(Scaling scaling, boolean asReference, ScaleSearch.Loss loss) {
        return new ScaleSearch(QUANTIZER, scaling, asReference).search(List.of(MATRIX), INPUTS, 4, OWN_ROWS, loss);
    }

    @Test
    void firstOfEqualLossesWins() {
        var script = new Script(5, 3, 2, 2, 7);
        ScaleSearch.Found found = search(Scaling.PLAIN, false, script);
        assertThat(found.ratio()).isEqualTo(0.1);
        assertThat(found.scale()).isSameAs(script.scales.get(2));
        assertThat(found.losses()).hasSize(20);
        assertThat(script.enough).startsWith(Double.POSITIVE_INFINITY, 5.0, 3.0, 2.0, 2.0);
    }

    @Test
    void referenceMeasuresEveryLossToTheEnd() {
        for (Scaling scaling : Scaling.values()) {
            var script = new Script(5, 3, 2);
            search(scaling, true, script);
            assertThat(script.enough).hasSize(20).containsOnly(Double.POSITIVE_INFINITY);
        }
    }

    @Test
    void plainRoundingIsAlwaysTried() {
        for (Scaling scaling : Scaling.values()) {
            var script = new Script(1, 2);
            ScaleSearch.Found found = search(scaling, false, script);
            assertThat(found.scale()).containsOnly(1f);
            assertThat(found.ratio()).isZero();
            assertThat(script.scales).hasSize(scaling == Scaling.PLAIN ? 20 : 21);
        }
    }

    @Test
    void lossesThatAreNotFiniteNeverWin() {
        var mixed = search(Scaling.PLAIN, false, new Script(Double.NaN, Double.POSITIVE_INFINITY, 3, Double.NaN));
        assertThat(mixed.ratio()).isEqualTo(0.1);
        assertThat(mixed.finite()).isTrue();
        var none = search(Scaling.DUO, false, new Script(Double.NaN, Double.POSITIVE_INFINITY));
        assertThat(none.finite()).isFalse();
        assertThat(none.scale()).containsOnly(1f);
    }

    @ParameterizedTest
    @EnumSource(Scaling.class)
    void scalesAreCentredAndPositive(Scaling scaling) {
        float[] means = Scaling.meanAbs(INPUTS, 4);
        assertThat(means).containsExactly(1, 4, 0.25f, 0); // the last channel is dead
        float[] shares = Scaling.meanWeight(List.of(MATRIX), 4, 4);
        assertThat(shares[2]).isCloseTo(1, within(1e-5f));
        assertThat(shares[0]).isCloseTo((1 / 3f + 1 / 2f) / 2, within(1e-5f));
        for (int i = 0; i < 20; i++) {
            float[] scales = scaling.scales(means, shares, i / 20.0);
            float largest = Math.max(Math.max(scales[0], scales[1]), Math.max(scales[2], scales[3]));
            float smallest = Math.min(Math.min(scales[0], scales[1]), Math.min(scales[2], scales[3]));
            assertThat(smallest).isPositive();
            assertThat(largest * smallest).isCloseTo(1, within(1e-5f));
        }
        assertThat(Scaling.PLAIN.scales(means, shares, 0)).containsOnly(1f);
    }

    @Test
    void candidateIsScaledRoundedAndScaledBack() {
        float[] scale = {2, 1, 1, 1};
        float[] out = new float[8];
        new ScaleSearch.Candidate(QUANTIZER, scale).all(MATRIX, out);
        float[] expected = MATRIX.clone();
        expected[0] *= 2;
        expected[4] *= 2;
        QUANTIZER.round(2, 4, expected, expected);
        expected[0] /= 2;
        expected[4] /= 2;
        assertThat(out).isEqualTo(expected);
    }

    @Test
    void columnsThatOneRowFeedsGetOneScale() {
        // two heads of values of two rows, each read by two heads of queries: columns 0 and 2, 1 and 3, 4 and 6, 5 and
        // 7
        var fold = new Fold.IntoRows(new Linear("values", 4, 8, false), 2, 2);
        float[] matrix = {1, -2, 3, 0.5f, -1, 0.25f, 2, 1};
        float[] inputs = {1, 4, 0.25f, 0.5f, -1, 4, 0.25f, 2};
        for (Scaling scaling : Scaling.values()) {
            var script = new Script(1);
            new ScaleSearch(QUANTIZER, scaling, false).search(List.of(matrix), inputs, 8, fold, script);
            for (float[] scale : script.scales) {
                assertThat(scale[2]).isEqualTo(scale[0]);
                assertThat(scale[3]).isEqualTo(scale[1]);
                assertThat(scale[6]).isEqualTo(scale[4]);
                assertThat(scale[7]).isEqualTo(scale[5]);
            }
            assertThat(script.scales).anySatisfy(scale -> assertThat(scale[1]).isNotEqualTo(scale[5]));
        }
    }

    /** Of two linears that saw different tokens, as experts do, every row, in any order: their mean is the whole loss. */
    @Test
    void lossesOfRowsAverageToTheLoss() {
        var random = new Random(11);
        int columns = 12;
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            var parts = new ArrayList<ScaleSearch.Part>();
            for (int tokens : new int[] {40, 70}) {
                float[] inputs = gaussians(random, tokens * columns);
                var error = OutputError.of(backend, InputStatistics.of(backend, inputs, columns));
                parts.add(new ScaleSearch.Part(gaussians(random, (tokens / 10) * columns), error, tokens));
            }
            var loss = (ScaleSearch.RowLoss) ScaleSearch.ofParts(parts, columns);
            assertThat(loss.rows()).isEqualTo(11);
            float[] scale = gaussians(random, columns);
            for (int c = 0; c < columns; c++) {
                scale[c] = 1 + Math.abs(scale[c]);
            }
            var candidate = new ScaleSearch.Candidate(QUANTIZER, scale);
            double all = loss.of(candidate, Double.POSITIVE_INFINITY);
            double[] rows = loss.of(candidate, new int[] {10, 3, 0, 7, 1, 9, 2, 8, 4, 6, 5});
            assertThat(Arrays.stream(rows).average().orElseThrow()).isCloseTo(all, within(1e-6 * all));
            double[] two = loss.of(candidate, new int[] {7, 1});
            assertThat(two[0]).isCloseTo(rows[3], within(1e-5 * rows[3]));
            assertThat(two[1]).isCloseTo(rows[4], within(1e-5 * rows[4]));
        }
    }

    /** Weights that are all alike, so that a sample of rows tells, and inputs with channels that want a scale. */
    @Test
    void sampleOfRowsFindsAScaleAsGoodAsTheBest() {
        var random = new Random(12);
        int columns = 64;
        float[] inputs = gaussians(random, 200 * columns);
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] *= i % columns == 5 || i % columns == 40 ? 30 : 1;
        }
        float[] matrix = gaussians(random, 3000 * columns);
        var quantizer = Quantizer.forCheckpoints(new QuantScheme(3, 32, false, Range.REFERENCE));
        var fold = new Fold.IntoRows(new Linear("before", columns, columns, false));
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            var error = OutputError.of(backend, InputStatistics.of(backend, inputs, columns));
            var loss = ScaleSearch.ofLinears(List.of(matrix), columns, error);
            for (Scaling scaling : Scaling.values()) {
                var all =
                        new ScaleSearch(quantizer, scaling, true).search(List.of(matrix), inputs, columns, fold, loss);
                var some = new ScaleSearch(quantizer, scaling, false, true)
                        .search(List.of(matrix), inputs, columns, fold, loss);
                double least = Arrays.stream(all.losses()).min().orElseThrow();
                double found = loss.of(new ScaleSearch.Candidate(quantizer, some.scale()), Double.POSITIVE_INFINITY);
                assertThat(found).as("%s", scaling).isLessThanOrEqualTo(1.01 * least);
                assertThat(least).isLessThan(0.8 * all.losses()[0]); // so that it matters
            }
        }
    }

    private static float[] gaussians(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
