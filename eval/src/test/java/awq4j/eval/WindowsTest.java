package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class WindowsTest {
    @Test
    void theRemainderIsDropped() {
        var text = Windows.of(new int[] {1, 2, 3, 4, 5, 6, 7}, 3);
        assertThat(text.count()).isEqualTo(2);
        assertThat(text.predictions()).isEqualTo(4);
        assertThat(text.textTokens()).isEqualTo(7);
    }

    @Test
    void piecesCoverAWindowAndTargetsAreTheNextTokens() {
        var pieces = Windows.of(new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 5).pieces(1, 3);
        assertThat(pieces).hasSize(2);
        assertThat(pieces.get(0).tokens()).containsExactly(6, 7, 8);
        assertThat(pieces.get(0).targets()).containsExactly(7, 8, 9);
        assertThat(pieces.get(1).tokens()).containsExactly(9);
        assertThat(pieces.get(1).targets()).containsExactly(10);
        assertThat(pieces.get(1).from()).isEqualTo(3);
    }

    @Test
    void limitTakesTheFirstAndNeverMoreThanThereAre() {
        var text = Windows.of(new int[9], 2);
        assertThat(text.limit(3).count()).isEqualTo(3);
        assertThat(text.limit(99).count()).isEqualTo(4);
        assertThatThrownBy(() -> text.limit(0)).hasMessage("at least 1 window must be measured, was 0");
    }

    @Test
    void aPromptAsLongAsTheWindowLeavesNothingToMeasure() {
        assertThatThrownBy(() -> Windows.of(new int[9], 4).behind(4))
                .hasMessage("behind 4 tokens of a window of 4: expected 1 to 3");
    }

    @Test
    void aTextWithoutOneWindowIsRefused() {
        assertThatThrownBy(() -> Windows.of(new int[37], 2048))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the text has 37 tokens, expected at least one window of 2048: take a longer text or a"
                        + " smaller window");
    }

    @Test
    void aWindowOfOneTokenPredictsNothingAndIsRefused() {
        assertThatThrownBy(() -> Windows.of(new int[37], 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("a window must have 2 tokens or more");
    }
}
