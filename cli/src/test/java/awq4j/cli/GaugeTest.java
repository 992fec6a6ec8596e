package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class GaugeTest {
    @Test
    void lineShowsPartTimesAndRemarkInTheWidthGiven() {
        assertThat(Gauge.line("measuring", 0.25, Duration.ofSeconds(75), "48.31", 79))
                .isEqualTo(
                        "measuring   ━━━━━━━╸                        25 %  1:15 / 5:00  48.31".concat(" ".repeat(11)))
                .hasSize(79);
        assertThat(Gauge.line("speed", 0, Duration.ZERO, "", 79).strip()).endsWith("0 %  0:00");
        assertThat(Gauge.line("speed", 1, Duration.ofSeconds(4000), "", 79))
                .contains("━".repeat(30) + " 100 %  1:06:40 ");
        assertThat(Gauge.line("speed", 0.5, Duration.ofSeconds(2), "a remark that does not fit", 60))
                .hasSize(60);
    }

    @Test
    void onATerminalEachStateOverwritesTheOneBeforeAndTheLastIsTakenAway() {
        String seen = seenBy(true);
        assertThat(seen).startsWith("\rloading").doesNotContain("\n").endsWith("\r" + " ".repeat(79) + "\r");
        assertThat(seen.split("\r", -1)).allMatch(state -> state.length() <= 79);
    }

    @Test
    void elsewhereAShortStepSaysNothing() {
        assertThat(seenBy(false)).isEmpty();
    }

    private static String seenBy(boolean terminal) {
        var err = new ByteArrayOutputStream();
        var screen = new Screen(
                InputStream.nullInputStream(),
                new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                terminal,
                terminal);
        try (Gauge gauge = Gauge.start(screen, "loading", 10)) {
            gauge.at(5, "half");
        }
        return err.toString(StandardCharsets.UTF_8);
    }
}
