package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TerminalTextTest {
    @Test
    void ordinaryTextIsTheSame() {
        String text = "é 日本\t😁\nnext";
        assertThat(TerminalText.safe(text)).isSameAs(text);
    }

    @Test
    void whatWouldSteerTheTerminalIsShownInstead() {
        assertThat(TerminalText.safe("a\u001b[2Jb\u0007\u007f\u009b1m\u0000")).isEqualTo("a␛[2Jb␇␡\uFFFD1m␀");
        assertThat(TerminalText.safe("one\r\ntwo\rthree")).isEqualTo("one\ntwothree");
    }
}
