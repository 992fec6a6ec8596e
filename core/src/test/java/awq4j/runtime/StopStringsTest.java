package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StopStringsTest {
    @Test
    void textBeforeTheStopComesOutAndNothingElse() {
        var stops = new StopStrings(List.of("END"));
        assertThat(stops.next("to the END of it")).isEqualTo("to the ");
        assertThat(stops.found()).isTrue();
        assertThat(stops.next("more")).isEmpty();
        assertThat(stops.flush()).isEmpty();
    }

    @Test
    void aPossibleBeginningIsHeldBackUntilItIsClear() {
        var stops = new StopStrings(List.of("\n\nUser:"));
        assertThat(stops.next("Hi.\n")).isEqualTo("Hi.");
        assertThat(stops.next("\nUs")).isEmpty();
        assertThat(stops.next("ual")).isEqualTo("\n\nUsual");
        assertThat(stops.next("\n")).isEmpty();
        assertThat(stops.flush()).isEqualTo("\n");
        assertThat(stops.found()).isFalse();
    }

    @Test
    void overlappingBeginningsAreNotLost() {
        var stops = new StopStrings(List.of("aab"));
        assertThat(stops.next("aa")).isEmpty();
        assertThat(stops.next("a")).isEqualTo("a");
        assertThat(stops.next("b")).isEmpty();
        assertThat(stops.found()).isTrue();
    }

    @Test
    void theStopThatIsCompleteFirstCountsAndOfThoseTheLongest() {
        assertThat(cutAt("xxabcdyy", List.of("abcd", "c"), 8)).isEqualTo("xxab");
        assertThat(cutAt("xxabcdyy", List.of("bcd", "d", "abcd"), 8)).isEqualTo("xx");
    }

    @Test
    void whereTheTextIsCutMakesNoDifference() {
        String text = "one two\ntwo three\n\nthree \uD83D\uDE01 four";
        List<List<String>> cases = List.of(
                List.of("two t"),
                List.of("\n\n"),
                List.of("absent"),
                List.of("three", "\n\nthree"),
                List.of("😁 f"),
                List.of());
        for (List<String> stops : cases) {
            String whole = cutAt(text, stops, text.length());
            for (int size = 1; size < text.length(); size++) {
                assertThat(cutAt(text, stops, size))
                        .as("%s in pieces of %d", stops, size)
                        .isEqualTo(whole);
            }
        }
        assertThat(cutAt(text, List.of("two t"), 3)).isEqualTo("one two\n");
    }

    private static String cutAt(String text, List<String> stops, int size) {
        var filter = new StopStrings(stops);
        var out = new ArrayList<String>();
        for (int at = 0; at < text.length() && !filter.found(); at += size) {
            out.add(filter.next(text.substring(at, Math.min(text.length(), at + size))));
        }
        out.add(filter.flush());
        return String.join("", out);
    }
}
