package awq4j.eval.speed;

/** Watches a measurement. */
public interface SpeedWatch {
    /** Does not watch. */
    SpeedWatch NONE = new SpeedWatch() {
        @Override
        public void at(Step step, int number) {}

        @Override
        public boolean cancelled() {
            return false;
        }
    };

    /** What is about to be done. */
    enum Step {
        /** Opening the model. */
        LOAD,
        /** Running it until its speed is steady. */
        WARM_UP,
        /** One of the runs that count. */
        RUN
    }

    /**
     * A step begins. Nothing is told while one is under way, since it is being timed.
     *
     * @param number of the step among those of its kind, from 1
     */
    void at(Step step, int number);

    /** Whether to stop: asked between tokens, so it has to be quick. */
    boolean cancelled();
}
