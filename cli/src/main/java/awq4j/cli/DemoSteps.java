package awq4j.cli;

import java.time.Duration;
import java.util.function.Function;

/** Runs the demo's steps, each with a sign of life and a line when it is done, until the user wants to stop. */
record DemoSteps(Screen screen, Interruption interruption) {
    /** How far a step is. */
    @FunctionalInterface
    interface Reached {
        /**
         * So much is done.
         *
         * @throws java.util.concurrent.CancellationException if the user wants to stop
         */
        void at(long done, String remark);
    }

    /**
     * Runs one.
     *
     * @param task its name while it runs
     * @param done what to say afterwards; how long it took is added
     * @param all how much there is to do
     */
    <T> T run(String task, String done, long all, Function<Reached, T> step) {
        interruption.check();
        long start = System.nanoTime();
        T result;
        try (Gauge gauge = Gauge.start(screen, task, all);
                var _ = interruption.onInterrupt(this::sayFarewell)) {
            result = step.apply((reached, remark) -> {
                interruption.check();
                gauge.at(reached, remark);
            });
        }
        Duration time = Duration.ofNanos(System.nanoTime() - start);
        screen.remark("  " + done + screen.errStyle().dim(", " + Figures.duration(time)));
        return result;
    }

    /** For a step that cannot stop soon enough to end by itself. */
    private void sayFarewell() {
        screen.remark(screen.errTerminal() ? System.lineSeparator() + "interrupted" : "interrupted");
    }
}
