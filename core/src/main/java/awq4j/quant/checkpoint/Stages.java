package awq4j.quant.checkpoint;

import java.util.LinkedHashMap;
import java.util.Map;

/** Seconds by stage, by a clock that only goes forward. */
final class Stages {
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private long since = System.nanoTime();

    /** Ends the stage that began with the last call. */
    void finished(String stage) {
        seconds.merge(stage, lap(), Double::sum);
    }

    /** Enters time that was measured elsewhere. */
    void put(String stage, double measured) {
        seconds.put(stage, measured);
    }

    /** Begins a stage without ending one. */
    void skip() {
        since = System.nanoTime();
    }

    Map<String, Double> seconds() {
        return seconds;
    }

    private double lap() {
        long now = System.nanoTime();
        double elapsed = (now - since) / 1e9;
        since = now;
        return elapsed;
    }
}
