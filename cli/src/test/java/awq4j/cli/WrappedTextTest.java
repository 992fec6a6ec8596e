package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WrappedTextTest {
    @Test
    void linesBreakAtBlanksWhateverThePieces() {
        String text = "Once upon a time there lived a cat.\n\nShe had a hat, and that was that.";
        for (int step : new int[] {1, 2, 3, 7, 100}) {
            var out = new StringBuilder();
            var wrapped = new WrappedText(12, out::append);
            for (int i = 0; i < text.length(); i += step) {
                wrapped.add(text.substring(i, Math.min(i + step, text.length())));
            }
            wrapped.finish();
            assertThat(out.toString()).isEqualTo("""
                            Once upon a
                            time there
                            lived a cat.

                            She had a
                            hat, and
                            that was
                            that.
                            """);
        }
    }

    @Test
    void aWordLongerThanALineStandsAlone() {
        var out = new StringBuilder();
        var wrapped = new WrappedText(5, out::append);
        wrapped.add("a incomprehensible b");
        wrapped.finish();
        assertThat(out.toString()).isEqualTo("a\nincomprehensible\nb\n");
    }
}
