package awq4j.cli;

import awq4j.eval.study.StudyWatch;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Shows how far a study is, and what is kept when the user ends it. */
final class StudyGauge implements StudyWatch, AutoCloseable {
    /** Parts of a point's share of the bar. */
    private static final int FINE = 100;

    private final Screen screen;
    private final Interruption interruption;
    private final boolean keeps;
    private final Interruption.Registration farewell;
    private @Nullable Gauge gauge;
    private volatile int finished;
    private volatile int count;
    private int begun = -1;
    private long start;
    private String label = "";
    private boolean closed;

    /** @param keeps whether finished points are kept */
    StudyGauge(Screen screen, Interruption interruption, boolean keeps) {
        this.screen = screen;
        this.interruption = interruption;
        this.keeps = keeps;
        farewell = interruption.onInterrupt(this::sayWhatIsKept);
    }

    @Override
    public void kept(int done, int all) {
        interruption.check();
        finished = done;
        count = all;
        if (begun < 0) {
            begun = done;
            start = System.nanoTime();
            if (done > 0) {
                screen.remark("continuing an interrupted study: " + done + " of " + all + " points are finished");
            }
        } else if (!screen.errTerminal()) { // a bar tells by itself
            screen.remark(done + " of " + all + ": " + label + left());
        }
    }

    private String left() {
        if (finished == count) {
            return "";
        }
        double each = (System.nanoTime() - start) / 1e6 / (finished - begun);
        return ", about " + Figures.duration(Duration.ofMillis((long) (each * (count - finished)))) + " left";
    }

    @Override
    public void point(int index, int all, Map<String, String> labels) {
        interruption.check();
        label = String.join(", ", labels.values());
        bar(all).at((long) FINE * finished, label);
    }

    @Override
    public void step(String what, long done, long all) {
        interruption.check();
        if (count > 0) {
            boolean measuring = what.equals("measuring"); // comes after the blocks, and takes about as long
            long part = FINE * done / Math.max(1, all) / 2 + (measuring ? FINE / 2 : 0);
            if (screen.errTerminal()) {
                bar(count).at((long) FINE * finished + part, label);
            }
        }
    }

    private Gauge bar(int all) {
        if (gauge == null) {
            gauge = Gauge.start(screen, "studying", (long) FINE * all);
        }
        return gauge;
    }

    private void sayWhatIsKept() {
        screen.remark("");
        screen.remark(
                finished == 0 || !keeps
                        ? "no point is kept"
                        : finished + " of " + count + " points are kept; the same command continues behind them");
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (gauge != null) {
            gauge.close();
        }
        farewell.close();
        if (interruption.requested()) {
            sayWhatIsKept();
        }
    }
}
