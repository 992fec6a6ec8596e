package awq4j.eval.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.eval.Predictor;
import org.junit.jupiter.api.Test;

class RememberingPredictorTest {
    private static final int[][] TEXTS = {{1, 2, 3, 4}, {1, 2, 5, 6}, {1, 2, 3, 4}, {7, 2, 3, 4}, {1, 2, 5, 6}, {1, 2}};

    /** Logits that depend on all that was read, in its order, and on the length that was announced. */
    private static final class History implements Predictor {
        private int history;
        private int read;

        @Override
        public int vocabulary() {
            return 3;
        }

        @Override
        public int contextLength() {
            return 8;
        }

        @Override
        public int chunk() {
            return 2;
        }

        @Override
        public void begin(int length) {
            if (length > contextLength()) {
                throw new IllegalArgumentException("too long: " + length);
            }
            history = length;
        }

        @Override
        public float[] next(int[] tokens) {
            float[] logits = new float[tokens.length * vocabulary() + 1];
            for (int i = 0; i < tokens.length; i++) {
                history = 31 * history + tokens[i];
                for (int v = 0; v < vocabulary(); v++) {
                    logits[i * vocabulary() + v] = (history % 1009) + v;
                }
            }
            read += tokens.length;
            return logits;
        }
    }

    @Test
    void answersWhatThePredictorAnswersWhateverThereIsRoomFor() {
        for (int pieces = 0; pieces <= 8; pieces++) { // of 2 tokens, 24 bytes
            var alone = new History();
            var behind = new History();
            var remembering = new RememberingPredictor(behind, 24L * pieces);
            for (int length : new int[] {4, 6, 4}) {
                for (int[] text : TEXTS) {
                    alone.begin(length);
                    remembering.begin(length);
                    for (int from = 0; from < text.length; from += 2) {
                        int[] piece = {text[from], text[from + 1]};
                        float[] expected = alone.next(piece);
                        float[] found = remembering.next(piece);
                        for (int i = 0; i < 6; i++) {
                            assertThat(found[i])
                                    .as("room for %d pieces, logit %d", pieces, i)
                                    .isEqualTo(expected[i]);
                        }
                    }
                }
            }
        }
    }

    @Test
    void readsATextOnceIfThereIsRoom() {
        var behind = new History();
        var remembering = new RememberingPredictor(behind, 48);
        for (int time = 0; time < 3; time++) {
            remembering.begin(4);
            remembering.next(new int[] {1, 2});
            remembering.next(new int[] {3, 4});
        }
        assertThat(behind.read).isEqualTo(4);
    }

    @Test
    void tokensMayChangeAfterTheCall() {
        var remembering = new RememberingPredictor(new History(), 1000);
        remembering.begin(2);
        int[] tokens = {1, 2};
        float first = remembering.next(tokens)[0];
        tokens[0] = 5;
        remembering.begin(2);
        assertThat(remembering.next(tokens)[0]).isNotEqualTo(first);
    }

    @Test
    void aTextThatIsTooLongIsRefused() {
        var remembering = new RememberingPredictor(new History(), 1000);
        assertThatThrownBy(() -> remembering.begin(9)).hasMessage("too long: 9");
    }
}
