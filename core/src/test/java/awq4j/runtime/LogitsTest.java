package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LogitsTest {
    /** Of a sum of weights, each rounded 64 times over, and the adding of the definition itself: 1e-13 was the worst. */
    private static final double SUM = 1e-12;

    @Test
    void logSumExpStaysFiniteWhereExpDoesNot() {
        assertThat(Logits.logSumExp(new float[] {1000, 1000})).isCloseTo(1000 + Math.log(2), within(1e-12));
        assertThat(Logits.logSumExp(new float[] {-1000, -1000, Float.NEGATIVE_INFINITY}))
                .isCloseTo(-1000 + Math.log(2), within(1e-12));
    }

    @Test
    void logProbabilitiesOfAllTokensAddUpToOne() {
        float[] logits = {0.5f, -2, 3, 100, 99.5f, -1e30f};
        double sum = 0;
        for (int token = 0; token < logits.length; token++) {
            sum += Math.exp(Logits.logProbability(logits, token));
        }
        assertThat(sum).isCloseTo(1, within(1e-12));
    }

    @Test
    void aScoreNamesTheLikeliestFirst() {
        float[] logits = {(float) Math.log(0.2), (float) Math.log(0.5), (float) Math.log(0.3)};
        TokenLogprob score = Logits.score(logits, 0, 2, new Largest());
        assertThat(score.token()).isZero();
        assertThat(score.logprob()).isCloseTo(Math.log(0.2), within(1e-6));
        assertThat(score.top()).extracting(TokenLogprob::token).containsExactly(1, 2);
        assertThat(score.top().getFirst().logprob()).isCloseTo(Math.log(0.5), within(1e-6));
        assertThat(Logits.score(logits, 2, 0, new Largest()).top()).isEmpty();
        assertThat(Logits.score(logits, 2, 9, new Largest()).top()).hasSize(3);
    }

    @Test
    void theLargestAgreeWithSorting() {
        var largest = new Largest(); // one for all sizes, as it is used
        var peaks = new Peaks();
        for (int n : new int[] {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127, 255, 1024, 4097}) {
            var random = new Random(n);
            float[] logits = new float[n];
            for (int i = 0; i < n; i++) {
                logits[i] = (random.nextInt(50) - 20) * (random.nextBoolean() ? 1 : -0.5f); // zeros of both signs, too
            }
            Integer[] order = new Integer[n];
            Arrays.setAll(order, i -> i);
            Arrays.sort(order, (a, b) -> logits[a] == logits[b] ? a - b : Float.compare(logits[b], logits[a]));
            for (int k : new int[] {0, 1, 2, 3, n / 2, n, n + 1}) {
                for (boolean skipping : new boolean[] {false, true}) {
                    assertThat(peaks.of(logits)).isEqualTo(logits[order[0]]);
                    int[] found = skipping ? largest.of(logits, peaks, k) : largest.of(logits, k);
                    assertThat(largest.size()).isEqualTo(Math.min(k, n));
                    for (int i = 0; i < largest.size(); i++) {
                        assertThat(found[i]).as("n=%d k=%d place %d", n, k, i).isEqualTo(order[i]);
                    }
                }
            }
            for (double bound : new double[] {-100, -0.0, 0.25, 15, 29, 100}) {
                int[] found = largest.atLeast(logits, peaks, bound);
                int expected = 0;
                while (expected < n && logits[order[expected]] >= bound) {
                    assertThat(found[expected]).as("n=%d bound %f", n, bound).isEqualTo(order[expected++]);
                }
                assertThat(largest.size()).isEqualTo(expected);
            }
        }
    }

    @Test
    void sumsOfWeightsAgreeWithTheirDefinition() {
        var masses = new Masses();
        for (int n : new int[] {1, 7, 255, 256, 257, 1024, 1025, 4097, 151_936}) {
            for (double spread : new double[] {0, 0.1, 1, 3, 10, 100}) {
                var random = new Random(n);
                float[] logits = new float[n];
                float max = Float.NEGATIVE_INFINITY;
                for (int i = 0; i < n; i++) {
                    logits[i] = (float) (spread * random.nextGaussian());
                    max = Math.max(max, logits[i]);
                }
                logits[n / 2] = Float.NEGATIVE_INFINITY;
                logits[n / 3] = max;
                double sum = 0;
                for (float logit : logits) {
                    sum += Math.exp((logit - (double) max) / 0.8);
                }
                assertThat(masses.of(logits, max, 0.8))
                        .as("n=%d spread %f", n, spread)
                        .isCloseTo(sum, within(SUM * sum));
            }
        }
    }
}
