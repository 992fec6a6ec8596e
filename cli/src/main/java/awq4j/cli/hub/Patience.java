package awq4j.cli.hub;

import java.time.Duration;
import java.util.List;

/**
 * How long to wait for a hub, and how often to try again.
 *
 * @param connect for a connection
 * @param answer for the first line of an answer
 * @param silence for the next bytes of a file
 * @param steps the pauses before the second, third... attempt; one attempt more than there are pauses
 * @param longest the longest pause that a hub may ask for
 * @param pauses how to wait
 */
record Patience(
        Duration connect, Duration answer, Duration silence, List<Duration> steps, Duration longest, Pauses pauses) {
    /** Waits. */
    @FunctionalInterface
    interface Pauses {
        /**
         * Waits so long.
         *
         * @throws InterruptedException if the thread is to end
         */
        void pause(Duration time) throws InterruptedException;
    }

    /** For networks as they are: half a minute of trouble is ridden out. */
    static final Patience USUAL = new Patience(
            Duration.ofSeconds(15),
            Duration.ofSeconds(30),
            Duration.ofSeconds(60),
            List.of(Duration.ofSeconds(1), Duration.ofSeconds(3), Duration.ofSeconds(8), Duration.ofSeconds(20)),
            Duration.ofMinutes(5),
            Thread::sleep);

    int attempts() {
        return steps.size() + 1;
    }

    /**
     * The pause before the next attempt.
     *
     * @param failures attempts in a row that failed, at least one and fewer than {@link #attempts}
     */
    Duration after(int failures) {
        return steps.get(failures - 1);
    }
}
