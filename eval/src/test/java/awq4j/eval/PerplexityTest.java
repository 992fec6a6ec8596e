package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;

class PerplexityTest {
    /** After 0: a half, a quarter, a quarter. After 1 and 2: all alike. */
    private static final double[][] TABLE = {{0.5, 0.25, 0.25}, {1 / 3.0, 1 / 3.0, 1 / 3.0}, {1 / 3.0, 1 / 3.0, 1 / 3.0}
    };

    /** Of float32 logits near -200: half a step of them, relative to a probability. */
    private static final double ROUNDING = 1e-5;

    @Test
    void uniformPredictionsHaveThePerplexityOfTheirNumber() {
        double[][] alike = {{.25, .25, .25, .25}, {.25, .25, .25, .25}, {.25, .25, .25, .25}, {.25, .25, .25, .25}};
        var result = Perplexity.measure(
                new BigramPredictor(alike, 3), Windows.of(new int[] {0, 1, 2, 3, 3, 2, 1, 0}, 4), Progress.NONE);
        assertThat(result.perplexity().value()).isCloseTo(4, within(ROUNDING * 4));
        assertThat(result.perplexity().standardError()).isCloseTo(0, within(ROUNDING));
    }

    @Test
    void resultIsTheExponentialOfTheMeanOfWindowMeans() {
        // Windows (0 0 1) and (1 2 0); the 0 that is left over would change the result.
        var text = Windows.of(new int[] {0, 0, 1, 1, 2, 0, 0}, 3);
        var result = Perplexity.measure(new BigramPredictor(TABLE, 8), text, Progress.NONE);
        double first = (Math.log(2) + Math.log(4)) / 2;
        double second = Math.log(3);
        double mean = (first + second) / 2;
        assertThat(result.loss().value()).isCloseTo(mean, within(ROUNDING));
        assertThat(result.perplexity().value()).isCloseTo(Math.exp(mean), within(3 * ROUNDING));
        // Two values: their standard error is half of their distance; e^x stretches it by e^mean.
        assertThat(result.loss().standardError()).isCloseTo(Math.abs(first - second) / 2, within(ROUNDING));
        assertThat(result.perplexity().standardError())
                .isCloseTo(Math.exp(mean) * Math.abs(first - second) / 2, within(3 * ROUNDING));
        assertThat(result.windows()).isEqualTo(2);
        assertThat(result.window()).isEqualTo(3);
        assertThat(result.tokens()).isEqualTo(4);
    }

    @Test
    void eachWindowIsReadByItselfInChunksAndWithoutItsLastToken() {
        var model = new BigramPredictor(TABLE, 2);
        Perplexity.measure(model, Windows.of(new int[12], 6), Progress.NONE);
        assertThat(model.begun).isEqualTo(2);
        assertThat(model.read).isEqualTo(10);
        assertThat(model.largestCall).isEqualTo(2);
    }

    @Test
    void chunksDoNotMatter() {
        int[] tokens = {0, 1, 2, 0, 0, 1, 0, 2, 2, 1};
        var whole = Perplexity.measure(new BigramPredictor(TABLE, 8), Windows.of(tokens, 5), Progress.NONE);
        var single = Perplexity.measure(new BigramPredictor(TABLE, 1), Windows.of(tokens, 5), Progress.NONE);
        assertThat(single.loss().value()).isCloseTo(whole.loss().value(), within(ROUNDING));
    }

    @Test
    void oneWindowHasNoStandardError() {
        var result = Perplexity.measure(
                new BigramPredictor(TABLE, 8),
                Windows.of(new int[] {0, 1, 2, 0}, 2).limit(1),
                Progress.NONE);
        assertThat(result.perplexity().value()).isCloseTo(4, within(4 * ROUNDING));
        assertThat(result.perplexity().standardError()).isNaN();
        assertThat(result.windows()).isEqualTo(1);
    }

    @Test
    void progressCountsPredictionsAndCanEndTheMeasurement() {
        var seen = new ArrayList<String>();
        Perplexity.measure(
                new BigramPredictor(TABLE, 2),
                Windows.of(new int[8], 4),
                (done, all, soFar) ->
                        seen.add(done + "/" + all + (Double.isNaN(soFar) ? "" : " " + Math.round(soFar))));
        assertThat(seen).containsExactly("2/6", "3/6 2", "5/6 2", "6/6 2");
        assertThatThrownBy(() -> Perplexity.measure(
                        new BigramPredictor(TABLE, 2), Windows.of(new int[8], 4), (done, all, soFar) -> {
                            throw new CancellationException("enough");
                        }))
                .isInstanceOf(CancellationException.class);
    }

    @Test
    void logitsThatAreNotFiniteAreRefusedWithTheirPlace() {
        double[][] broken = {{1, 1, 1}, {1, Double.NaN, 1}, {Double.POSITIVE_INFINITY, 1, 1}};
        assertThatThrownBy(() -> Perplexity.measure(
                        new BigramPredictor(broken, 2),
                        Windows.of(new int[] {0, 0, 0, 0, 0, 1, 0, 0}, 4),
                        Progress.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("after token 1 of window 1 are not finite");
        assertThatThrownBy(() -> Perplexity.measure(
                        new BigramPredictor(broken, 2), Windows.of(new int[] {0, 0, 2, 0}, 4), Progress.NONE))
                .hasMessageContaining("after token 2 of window 0 are not finite");
    }

    @Test
    void impossibleTokensHaveInfinitePerplexity() {
        double[][] never = {{1, 0}, {1, 0}};
        var result =
                Perplexity.measure(new BigramPredictor(never, 2), Windows.of(new int[] {0, 0, 0, 1}, 2), Progress.NONE);
        assertThat(result.perplexity().value()).isInfinite();
    }

    @Test
    void tokensOfAnotherVocabularyAreRefused() {
        assertThatThrownBy(() -> Perplexity.measure(
                        new BigramPredictor(TABLE, 2), Windows.of(new int[] {0, 1, 2, 3}, 2), Progress.NONE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("token 3 of the text is 3, the model has a vocabulary of 3: is the tokenizer another"
                        + " model's?");
    }
}
