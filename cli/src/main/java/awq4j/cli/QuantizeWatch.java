package awq4j.cli;

import awq4j.quant.checkpoint.Progress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Shows how far a quantization is, and what is kept when the user ends it. */
final class QuantizeWatch implements Consumer<Progress>, AutoCloseable {
    private final Screen screen;
    private final Path out;
    private final Interruption interruption;
    private final Interruption.Registration farewell;
    private @Nullable Gauge gauge;
    private volatile int done;
    private volatile int blocks;
    private int begun;

    QuantizeWatch(Screen screen, Interruption interruption, Path out) {
        this.screen = screen;
        this.out = out;
        this.interruption = interruption;
        this.farewell = interruption.onInterrupt(this::sayWhatIsKept);
    }

    @Override
    public synchronized void accept(Progress progress) {
        switch (progress) {
            case Progress.Checking step ->
                gauge("checking MiB", step.bytes() >> 20).at(step.bytesDone() >> 20, "");
            case Progress.Planned plan -> {
                endGauge();
                plan(plan);
            }
            case Progress.Timed timed ->
                screen.remark(timed.blocks() + (timed.blocks() == 1 ? " block" : " blocks") + " to quantize, "
                        + (timed.estimate().toSeconds() < 1
                                ? "under a second"
                                : "about " + Figures.duration(timed.estimate())));
            case Progress.BlockStarted step ->
                gauge("quantizing", step.blocks()).at(step.index(), "");
            case Progress.BlockFinished step -> finished(step);
            case Progress.Writing step -> {
                endGauge();
                screen.remark("writing " + Figures.bytes(step.bytes()));
            }
            case Progress.Verifying step -> screen.remark("reading it back");
        }
    }

    /** So many blocks were measured at several widths. */
    synchronized void measured(int blocksDone, int all) {
        gauge("measuring widths", all).at(blocksDone, "");
        if (blocksDone == all) {
            endGauge();
        }
    }

    /** Says something on the way. */
    synchronized void remark(String text) {
        screen.remark(text);
    }

    private void plan(Progress.Planned plan) {
        done = plan.finished();
        begun = plan.finished();
        blocks = plan.blocks();
        long memory = plan.memory().total();
        screen.remark("needs about " + Figures.bytes(memory) + " of memory (Java may use "
                + Figures.bytes(plan.heapBytes()) + ") and " + Figures.bytes(plan.diskBytes())
                + " of disk; the result will have " + Figures.bytes(plan.resultBytes()));
        if (memory > plan.heapBytes()) {
            screen.remark(screen.errStyle()
                    .yellow("this may not fit: give Java more with AWQ4J_JAVA_OPTS=-Xmx..., or use fewer --samples"));
        }
        if (done > 0) {
            screen.remark("continuing an interrupted run: " + done + " of " + blocks + " blocks are done");
        }
    }

    private void finished(Progress.BlockFinished step) {
        done = step.index() + 1;
        int left = step.blocks() - done;
        String time = left == 0 ? "done" : "about " + Figures.duration(step.left()) + " left";
        if (done == begun + 1 && left > 0 && !screen.errTerminal()) { // a bar tells by itself
            screen.remark("first block: " + Figures.duration(Duration.ofMillis((long) (1000 * step.seconds()))) + ", "
                    + time);
        }
        gauge("quantizing", step.blocks()).at(done, time);
    }

    private Gauge gauge(String task, long all) {
        if (gauge == null) {
            gauge = Gauge.start(screen, task, Math.max(1, all));
        }
        return gauge;
    }

    private void endGauge() {
        if (gauge != null) {
            gauge.close();
            gauge = null;
        }
    }

    private void sayWhatIsKept() {
        screen.remark("");
        screen.remark(
                done == 0
                        ? "nothing was finished, and nothing is at " + out
                        : done + " of " + blocks + " blocks are kept; the same command continues behind them");
    }

    @Override
    public synchronized void close() {
        endGauge();
        farewell.close();
        if (interruption.requested()) {
            sayWhatIsKept();
        }
    }
}
