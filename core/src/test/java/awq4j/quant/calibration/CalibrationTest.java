package awq4j.quant.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.quant.calibration.CalibrationTexts.Text;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** With a tokenizer of one token a character: what happens to texts can be counted by eye. */
class CalibrationTest {
    private static int[] encode(String text) {
        return text.chars().toArray();
    }

    @Test
    void textsAreStrippedJoinedAndCut() {
        var calibration = Calibration.of(texts(new Text(" abc\n", false)), CalibrationTest::encode, 8, 3, 1);
        assertThat(calibration.sequences()).isDeepEqualTo(new int[][] {{'a', 'b', 'c'}});

        var joined = Calibration.of(documents("aaa", "bbb", "cc"), CalibrationTest::encode, 3, 4, 1);
        var provenance = joined.provenance();
        assertThat(joined.sequences()).hasDimensions(2, 4);
        assertThat(provenance.used()).isEqualTo(3);
        assertThat(provenance.tokens()).isEqualTo(8);
        assertThat(provenance.dropped()).isZero();
    }

    @Test
    void samplesCountTextsAndTheRestIsDropped() {
        var calibration = Calibration.of(documents("aaaa", "bbbb", "cccc"), CalibrationTest::encode, 2, 5, 1);
        assertThat(calibration.sequences()).hasDimensions(1, 5);
        assertThat(calibration.provenance().dropped()).isEqualTo(3);
        assertThat(calibration.provenance().used()).isEqualTo(2);
    }

    @Test
    void longDocumentsAreSkippedAndLongPassagesHalved() {
        var document = texts(new Text("aaaa bbbb cccc dddd", false), new Text("xyz", false));
        assertThat(Calibration.of(document, CalibrationTest::encode, 9, 3, 1)
                        .provenance()
                        .skipped())
                .isEqualTo(1);

        var passage = texts(new Text("aaaa bbbb cccc dddd", true));
        var halved = Calibration.of(passage, CalibrationTest::encode, 9, 9, 1);
        assertThat(halved.provenance().used()).isEqualTo(2);
        assertThat(text(halved)).isEqualTo("aaaa bbbb");
    }

    @Test
    void theSeedDecidesTheOrder() {
        String[] words = IntStream.range(0, 40).mapToObj(i -> "w" + i).toArray(String[]::new);
        var first = Calibration.of(documents(words), CalibrationTest::encode, 40, 16, 7);
        assertThat(Calibration.of(documents(words), CalibrationTest::encode, 40, 16, 7)
                        .sequences())
                .isDeepEqualTo(first.sequences());
        assertThat(Arrays.deepEquals(
                        Calibration.of(documents(words), CalibrationTest::encode, 40, 16, 8)
                                .sequences(),
                        first.sequences()))
                .isFalse();
    }

    @Test
    void tooLittleTextIsCounted() {
        assertThatThrownBy(
                        () -> Calibration.of(documents("abc", "far too long for it"), CalibrationTest::encode, 9, 8, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("calibration text test is too little: one sequence takes 8 tokens, found 3 in 1 of 2 texts"
                        + " (1 empty or longer than a sequence); give more text or another sequence length");
    }

    @Test
    void idsAreTakenAsTheyAre() {
        var calibration = Calibration.ofTokens(new int[][] {{1, 2}, {3, 4}});
        assertThat(calibration.tokens()).isEqualTo(4);
        assertThat(calibration.provenance().sha256()).hasSize(64);
        assertThatThrownBy(() -> Calibration.ofTokens(new int[][] {{1, 2}, {3}}))
                .hasMessage("calibration sequences must be of equal length, found 2 and 1 tokens");
    }

    private static CalibrationTexts documents(String... texts) {
        return texts(Arrays.stream(texts).map(text -> new Text(text, false)).toArray(Text[]::new));
    }

    private static CalibrationTexts texts(Text... texts) {
        return new CalibrationTexts("test", "", List.of(texts));
    }

    private static String text(Calibration calibration) {
        int[] ids = calibration.sequences()[0];
        return new String(ids, 0, ids.length);
    }
}
