package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MultiLineTest {
    @Test
    void aPlainLineIsAMessage() {
        check("hello", "hello");
        check("  with \"quotes\" and \\ inside", "  with \"quotes\" and \\ inside");
        check("", "");
    }

    @Test
    void aBackslashAtTheEndContinues() {
        assertThat(MultiLine.open("one\\")).isTrue();
        assertThat(MultiLine.open("one\\\ntwo\\")).isTrue();
        check("one\\\ntwo\\\n\\\nfour", "one\ntwo\n\nfour");
    }

    @Test
    void twoBackslashesAreText() {
        check("C:\\\\", "C:\\\\");
    }

    @Test
    void aBlockRunsToItsClosingMarks() {
        assertThat(MultiLine.open("\"\"\"")).isTrue();
        assertThat(MultiLine.open("\"\"\"one\n\ntwo")).isTrue();
        check("\"\"\"\none\n\n two\\\n\"\"\"", "one\n\n two\\");
        check("\"\"\"one\ntwo\"\"\" ", "one\ntwo");
        check("\"\"\"one line\"\"\"", "one line");
        check("\"\"\"\"\"\"", "");
    }

    @Test
    void aBlockThatIsNeverClosedIsWhatThereIs() {
        assertThat(MultiLine.message("\"\"\"one\ntwo")).isEqualTo("one\ntwo");
        assertThat(MultiLine.message("one\\")).isEqualTo("one");
    }

    private static void check(String lines, String message) {
        assertThat(MultiLine.open(lines)).as(lines).isFalse();
        assertThat(MultiLine.message(lines)).isEqualTo(message);
    }
}
