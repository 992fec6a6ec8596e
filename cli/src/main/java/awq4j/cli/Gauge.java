package awq4j.cli;

import java.time.Duration;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * How far a step is, on the error stream. On a terminal a bar that overwrites itself and is gone at the end; elsewhere
 * one line now and then, so that a log stays readable.
 */
final class Gauge implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final ProgressBarStyle STYLE = ProgressBarStyle.builder()
            .refreshPrompt("\r")
            .leftBracket("")
            .rightBracket("")
            .delimitingSequence("")
            .block('━')
            .space(' ')
            .fractionSymbols(" ╸")
            .build();

    private final Screen screen;
    private final String task;
    private final long all;
    private final @Nullable ProgressBar bar;
    private long spoken = System.nanoTime();

    private Gauge(Screen screen, String task, long all) {
        this.screen = screen;
        this.task = task;
        this.all = all;
        bar = screen.errTerminal()
                ? ProgressBar.builder()
                        .setTaskName(task)
                        .setInitialMax(all)
                        .setStyle(STYLE)
                        .setUpdateIntervalMillis(100)
                        .setConsumer(new Line(screen))
                        .clearDisplayOnFinish()
                        .build()
                : null;
    }

    /**
     * Begins a step.
     *
     * @param task a word or two
     * @param all how much there is to do, in any unit
     */
    static Gauge start(Screen screen, String task, long all) {
        return new Gauge(screen, task, all);
    }

    /**
     * So much is done. From any thread.
     *
     * @param remark a few characters at the end of the line, may be empty
     */
    synchronized void at(long done, String remark) {
        if (bar != null) {
            bar.setExtraMessage(remark.isEmpty() ? "" : " " + remark);
            bar.stepTo(done);
        } else if (System.nanoTime() - spoken > PATIENCE.toNanos()) {
            spoken = System.nanoTime();
            screen.remark(task + ": " + 100 * done / all + " %" + (remark.isEmpty() ? "" : ", " + remark));
        }
    }

    /** Takes the bar away. */
    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }

    /** The terminal's last line. */
    private record Line(Screen screen) implements ProgressBarConsumer {
        @Override
        public int getMaxRenderedLength() {
            return Screen.WIDTH - 1; // the last column stays free: terminals wrap there
        }

        @Override
        public void accept(String rendered) {
            screen.err().print(rendered);
            screen.err().flush();
        }

        @Override
        public void clear() {
            screen.err().print("\r" + " ".repeat(getMaxRenderedLength()) + "\r");
            screen.err().flush();
        }

        @Override
        public void close() {}
    }
}
