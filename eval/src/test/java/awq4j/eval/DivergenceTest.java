package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class DivergenceTest {
    private static final double[][] A = {{0.5, 0.25, 0.25}, {0.2, 0.2, 0.6}, {0.25, 0.5, 0.25}};
    private static final double[][] B = {{0.25, 0.5, 0.25}, {0.2, 0.2, 0.6}, {0.25, 0.5, 0.25}};
    private static final double ROUNDING = 1e-5;

    @Test
    void divergenceIsTheMeanOverPredictions() {
        // KL((1/2 1/4 1/4) || (1/4 1/2 1/4)) = 1/2 ln 2 + 1/4 ln 1/2 = ln(2) / 4, at 0; elsewhere they agree.
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0}, 3);
        var result = Divergence.measure(predictor(A), predictor(B), text, Progress.NONE);
        double first = Math.log(2) / 8; // predictions after 0 and 1
        double second = Math.log(2) / 8; // after 2 and 0
        assertThat(result.divergence().value()).isCloseTo((first + second) / 2, within(ROUNDING));
        assertThat(result.divergence().standardError()).isCloseTo(0, within(ROUNDING));
        assertThat(result.agreement().value()).isEqualTo(0.5);
    }

    @Test
    void behindAPromptOnlyWhatFollowsIsMeasured() {
        // of each window the last token: after 1, where they agree, and after 0, where they do not
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0}, 3).behind(2);
        var result = Divergence.measure(predictor(A), predictor(B), text, Progress.NONE);
        assertThat(text.predictions()).isEqualTo(2);
        assertThat(result.windows().get(0)).isCloseTo(0, within(ROUNDING));
        assertThat(result.windows().get(1)).isCloseTo(Math.log(2) / 4, within(ROUNDING));
        assertThat(result.agreement().value()).isEqualTo(0.5);
        assertThat(Perplexity.measure(predictor(A), text, Progress.NONE)
                        .perplexity()
                        .value())
                .isCloseTo(1 / Math.sqrt(A[1][2] * A[0][0]), within(ROUNDING));
    }

    @Test
    void modelsAreComparedWindowByWindow() {
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0}, 3).behind(2);
        var same = Divergence.measure(predictor(A), predictor(A), text, Progress.NONE);
        var other = Divergence.measure(predictor(A), predictor(B), text, Progress.NONE);
        assertThat(other.against(other)).isEqualTo(new Estimate(0, 0));
        // differences 0 and ln(2) / 4: a mean of half of that, and an error of half of it
        assertThat(other.against(same).value()).isCloseTo(Math.log(2) / 8, within(ROUNDING));
        assertThat(other.against(same).standardError()).isCloseTo(Math.log(2) / 8, within(ROUNDING));
        var shorter = Divergence.measure(predictor(A), predictor(B), text.limit(1), Progress.NONE);
        assertThatThrownBy(() -> other.against(shorter)).hasMessage("2 windows and 1 are not the same");
    }

    @Test
    void divergenceIsDirected() {
        double[][] sharp = {{0.98, 0.01, 0.01}, {0.98, 0.01, 0.01}, {0.98, 0.01, 0.01}};
        double[][] flat = {{1 / 3.0, 1 / 3.0, 1 / 3.0}, {1 / 3.0, 1 / 3.0, 1 / 3.0}, {1 / 3.0, 1 / 3.0, 1 / 3.0}};
        var text = Windows.of(new int[4], 4);
        double there = 0.98 * Math.log(0.98 * 3) + 0.02 * Math.log(0.01 * 3);
        double back = Math.log(1 / 3.0 / 0.98) / 3 + 2 * Math.log(1 / 3.0 / 0.01) / 3;
        assertThat(divergence(sharp, flat, text)).isCloseTo(there, within(ROUNDING));
        assertThat(divergence(flat, sharp, text)).isCloseTo(back, within(ROUNDING));
    }

    @Test
    void perplexitiesAreThoseOfTheModelsAlone() {
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0, 1, 1}, 4);
        var result = Divergence.measure(predictor(A), predictor(B), text, Progress.NONE);
        assertThat(result.a().perplexity().value())
                .isCloseTo(
                        Perplexity.measure(predictor(A), text, Progress.NONE)
                                .perplexity()
                                .value(),
                        within(1e-12));
        assertThat(result.b().perplexity().value())
                .isCloseTo(
                        Perplexity.measure(predictor(B), text, Progress.NONE)
                                .perplexity()
                                .value(),
                        within(1e-12));
    }

    @Test
    void theExcessIsTheLogarithmOfTheRatioOfPerplexitiesAndItsErrorThatOfWindowsDifferences() {
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0, 1, 1}, 4);
        var result = Divergence.measure(predictor(A), predictor(B), text, Progress.NONE);
        // B differs after 0 only, where it has 1 for twice as likely as A and 0 for half as likely
        double first = (Math.log(0.25) - Math.log(0.5)) / 3;
        double second = (Math.log(0.5) - Math.log(0.25)) / 3 + (Math.log(0.25) - Math.log(0.5)) / 3;
        assertThat(result.excess().value()).isCloseTo((first + second) / 2, within(ROUNDING));
        assertThat(result.excess().standardError()).isCloseTo(Math.abs(first - second) / 2, within(ROUNDING));
        double ratio = result.b().perplexity().value() / result.a().perplexity().value();
        assertThat(result.rise().value()).isCloseTo(100 * (ratio - 1), within(100 * ROUNDING));
    }

    @Test
    void aModelDoesNotDivergeFromItself() {
        var result = Divergence.measure(
                predictor(A), predictor(A), Windows.of(new int[] {0, 1, 2, 2, 0, 0, 1, 1}, 4), Progress.NONE);
        assertThat(result.divergence()).isEqualTo(new Estimate(0, 0));
        assertThat(result.agreement()).isEqualTo(new Estimate(1, 0));
    }

    @Test
    void severalModelsAreMeasuredAsEachAlone() {
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0, 1, 1}, 4);
        double[][] flat = {{1 / 3.0, 1 / 3.0, 1 / 3.0}, {1 / 3.0, 1 / 3.0, 1 / 3.0}, {1 / 3.0, 1 / 3.0, 1 / 3.0}};
        var together = Divergence.measure(
                predictor(A), List.of(predictor(B), predictor(A), predictor(flat)), text, Progress.NONE);
        assertThat(together)
                .containsExactly(
                        Divergence.measure(predictor(A), predictor(B), text, Progress.NONE),
                        Divergence.measure(predictor(A), predictor(A), text, Progress.NONE),
                        Divergence.measure(predictor(A), predictor(flat), text, Progress.NONE));
    }

    @Test
    void aTokenThatOnlyTheFirstThinksPossibleDivergesInfinitely() {
        double[][] open = {{0.5, 0.5}, {0.5, 0.5}};
        double[][] closed = {{1, 0}, {1, 0}};
        var text = Windows.of(new int[2], 2);
        assertThat(divergence(open, closed, text)).isInfinite();
        assertThat(divergence(closed, open, text)).isCloseTo(Math.log(2), within(ROUNDING));
    }

    @Test
    void modelsMayHaveDifferentChunks() {
        var text = Windows.of(new int[] {0, 1, 2, 2, 0, 0, 1, 1}, 8);
        var a = new BigramPredictor(A, 3);
        Divergence.measure(a, new BigramPredictor(B, 5), text, Progress.NONE);
        assertThat(a.largestCall).isEqualTo(3);
    }

    @Test
    void modelsOfDifferentVocabulariesAreRefused() {
        var two = new BigramPredictor(new double[][] {{0.5, 0.5}, {0.5, 0.5}}, 2);
        assertThatThrownBy(() -> Divergence.measure(predictor(A), two, Windows.of(new int[4], 2), Progress.NONE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the models have vocabularies of 3 and 2 tokens; only models of one vocabulary can be"
                        + " compared");
    }

    private static double divergence(double[][] a, double[][] b, Windows text) {
        return Divergence.measure(predictor(a), predictor(b), text, Progress.NONE)
                .divergence()
                .value();
    }

    private static BigramPredictor predictor(double[][] table) {
        return new BigramPredictor(table, 16);
    }
}
