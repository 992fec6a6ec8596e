package awq4j.cli;

import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarConsumer;
import org.jspecify.annotations.Nullable;

/**
 * How far a step is, on the error stream. On a terminal a bar that overwrites itself and is gone at the end; elsewhere
 * one line now and then, so that a log stays readable.
 */
final class Gauge implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int TASK_WIDTH = 12;
    private static final int BAR_WIDTH = 30;

    private final Screen screen;
    private final String task;
    private final long all;
    private final @Nullable Line terminal;
    private final @Nullable ProgressBar bar;
    private long spoken = System.nanoTime();

    private Gauge(Screen screen, String task, long all) {
        this.screen = screen;
        this.task = task;
        this.all = all;
        terminal = screen.errTerminal() ? new Line(screen) : null;
        bar = terminal != null
                ? ProgressBar.builder()
                        .setTaskName(task)
                        .setInitialMax(all)
                        .setRenderer((state, width) -> line(
                                state.getTaskName(),
                                state.getNormalizedProgress(),
                                state.getTotalElapsed(),
                                state.getExtraMessage(),
                                width))
                        .setUpdateIntervalMillis(100)
                        .setConsumer(terminal)
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
            bar.setExtraMessage(remark);
            bar.stepTo(done);
        } else if (System.nanoTime() - spoken > PATIENCE.toNanos()) {
            spoken = System.nanoTime();
            screen.remark(task + ": " + 100 * done / all + " %" + (remark.isEmpty() ? "" : ", " + remark));
        }
    }

    /** Takes the bar away. */
    @Override
    public void close() {
        if (bar != null && terminal != null) {
            bar.close();
            terminal.end();
        }
    }

    /** The terminal's last line. */
    private static final class Line implements ProgressBarConsumer {
        private final Screen screen;
        private boolean ended;

        Line(Screen screen) {
            this.screen = screen;
        }

        @Override
        public int getMaxRenderedLength() {
            return Screen.WIDTH - 1; // the last column stays free: terminals wrap there
        }

        @Override
        public synchronized void accept(String rendered) {
            if (!ended) { // the library's own thread may come late
                screen.err().print("\r" + rendered);
                screen.err().flush();
            }
        }

        synchronized void end() {
            accept(pad("", getMaxRenderedLength()) + "\r");
            ended = true;
        }

        @Override
        public void close() {}
    }
    /**
     * One state of the bar, as wide as {@code width} so that it covers the one before.
     *
     * @param part done, 0 to 1
     */
    static String line(String task, double part, Duration elapsed, String remark, int width) {
        double done = Math.clamp(part, 0, 1);
        int halves = (int) (done * 2 * BAR_WIDTH);
        String bar = "━".repeat(halves / 2) + (halves % 2 == 1 ? "╸" : "");
        String line = pad(task, TASK_WIDTH)
                + pad(bar, BAR_WIDTH)
                + String.format(Locale.ROOT, " %3.0f %%  ", 100 * done)
                + times(done, elapsed)
                + (remark.isEmpty() ? "" : "  " + remark);
        return line.length() > width ? line.substring(0, width) : pad(line, width);
    }

    /** Time gone by, and what the whole will take at this pace once that can be said. */
    private static String times(double done, Duration elapsed) {
        boolean known = done > 0.01 && done < 1 && elapsed.toMillis() > 1000;
        return clock(elapsed.toSeconds()) + (known ? " / " + clock((long) (elapsed.toSeconds() / done)) : "");
    }

    private static String clock(long seconds) {
        return seconds < 3600
                ? String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds % 3600 / 60, seconds % 60);
    }

    private static String pad(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }
}
