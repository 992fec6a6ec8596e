package awq4j.cli;

import awq4j.cli.hub.PullPlan;
import awq4j.cli.hub.PullWatch;
import awq4j.cli.hub.RemoteFile;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Shows how far a download is: bytes, rate, time left; and what is kept when the user ends it. */
final class PullProgress implements PullWatch, AutoCloseable {
    /** The rate is that of the last seconds: networks change. */
    private static final double MEMORY_SECONDS = 5;

    private final Screen screen;
    private final Interruption interruption;
    private final Interruption.Registration farewell;
    private @Nullable Gauge gauge;
    private @Nullable PullPlan plan;
    private long fetched;
    private long measured;
    private long since;
    private double rate;
    private boolean said;

    PullProgress(Screen screen, Interruption interruption) {
        this.screen = screen;
        this.interruption = interruption;
        this.farewell = interruption.onInterrupt(this::sayWhatIsKept);
    }

    @Override
    public synchronized void planned(PullPlan made) {
        plan = made;
        if (made.missing().isEmpty()) {
            return;
        }
        screen.remark(made.model() + ": " + PullCommand.files(made.missing().size()) + " to download, "
                + Figures.bytes(made.bytesToFetch())
                + (made.kept() > 0 ? "; " + Figures.bytes(made.kept()) + " are there from an earlier run" : ""));
        since = System.nanoTime();
        gauge = Gauge.start(screen, "downloading", Math.max(1, made.bytesToFetch()));
    }

    @Override
    public synchronized void fetched(long bytes) {
        fetched += bytes;
        double seconds = (System.nanoTime() - since) / 1e9;
        if (seconds > 0.5) {
            double now = Math.max(0, fetched - measured) / seconds;
            double weight = rate == 0 ? 1 : Math.min(1, seconds / MEMORY_SECONDS);
            rate += weight * (now - rate);
            measured = fetched;
            since = System.nanoTime();
        }
        if (gauge != null) {
            gauge.at(Math.max(0, fetched), remark());
        }
    }

    private String remark() {
        if (rate <= 0 || plan == null) {
            return "";
        }
        String speed = Figures.bytes((long) rate) + "/s";
        long left = Math.max(0, plan.bytesToFetch() - fetched);
        return screen.errTerminal() // whose bar has the time
                ? speed
                : speed + ", about " + Figures.duration(Duration.ofSeconds((long) (left / rate))) + " left";
    }

    @Override
    public void finished(RemoteFile file) {
        // the bar is about bytes
    }

    @Override
    public synchronized void waiting(Duration time, String reason) {
        String text = reason + "; trying again in " + Figures.duration(time);
        String over = " ".repeat(Math.max(0, Screen.WIDTH - 1 - text.length())); // the bar stands there
        screen.remark(screen.errTerminal() ? "\r" + text + over : text);
    }

    @Override
    public void check() {
        interruption.check();
    }

    private synchronized void sayWhatIsKept() {
        if (said) {
            return;
        }
        said = true;
        screen.remark("");
        screen.remark(
                plan == null || plan.kept() + fetched <= 0
                        ? "nothing has arrived yet"
                        : "what has arrived is kept (" + Figures.bytes(Math.max(0, plan.kept() + fetched))
                                + "); the same command goes on from there");
    }

    @Override
    public synchronized void close() {
        if (gauge != null) {
            gauge.close();
        }
        farewell.close();
        if (interruption.requested()) {
            sayWhatIsKept();
        }
    }
}
