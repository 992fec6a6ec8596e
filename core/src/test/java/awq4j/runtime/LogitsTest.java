package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LogitsTest {
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
        for (int n : new int[] {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127, 255, 1024, 4097}) {
            var random = new Random(n);
            float[] logits = new float[n];
            for (int i = 0; i < n; i++) {
                logits[i] = random.nextInt(50);
            }
            Integer[] order = new Integer[n];
            Arrays.setAll(order, i -> i);
            Arrays.sort(order, (a, b) -> logits[a] == logits[b] ? a - b : Float.compare(logits[b], logits[a]));
            for (int k : new int[] {0, 1, 2, 3, n / 2, n, n + 1}) {
                int[] found = largest.of(logits, k);
                assertThat(largest.size()).isEqualTo(Math.min(k, n));
                for (int i = 0; i < largest.size(); i++) {
                    assertThat(found[i]).as("n=%d k=%d place %d", n, k, i).isEqualTo(order[i]);
                }
            }
        }
    }
}
