package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class FiguresTest {
    @Test
    void bytesHaveThreeDigitsAndAUnit() {
        assertThat(List.of(0L, 999L, 1024L, 12_333_432L, 5L << 30, 1_073_741_823L).stream()
                        .map(Figures::bytes))
                .containsExactly("0 B", "999 B", "1.00 KiB", "11.8 MiB", "5.00 GiB", "1.00 GiB");
    }

    @Test
    void countsReadLikeModelSizes() {
        assertThat(List.of(12L, 4096L, 6_164_736L, 1_100_048_384L, 999_700_000L).stream()
                        .map(Figures::count))
                .containsExactly("12", "4.10 K", "6.16 M", "1.10 B", "1.00 B");
    }

    @Test
    void durationsGrowCoarser() {
        assertThat(List.of(840L, 9_960L, 42_000L, 187_000L, 7_500_000L).stream()
                        .map(millis -> Figures.duration(Duration.ofMillis(millis))))
                .containsExactly("0.8 s", "10 s", "42 s", "3 min 07 s", "2 h 05 min");
    }

    @Test
    void significantDigitsStayFour() {
        assertThat(List.of(0.0, 0.01234567, 0.5, 7.5, 48.71234, 12345.6, 1.5e-7, 2.5e9).stream()
                        .map(Figures::significant))
                .containsExactly("0.0000", "0.01235", "0.5000", "7.500", "48.71", "12346", "1.500e-07", "2.500e+09");
    }

    @Test
    void tableAlignsTextLeftAndFiguresRight() {
        assertThat(new Table("model", ">size")
                        .row("fp16", "12")
                        .row("awq int4", "4")
                        .lines(Style.PLAIN))
                .containsExactly("model     size", "fp16        12", "awq int4     4");
    }
}
