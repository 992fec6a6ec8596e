package awq4j.kernel;

/** Shares out the units of a piece of work, perhaps among threads; returns when all are done. */
@FunctionalInterface
public interface Split {
    /** One after the other, on the caller's thread. */
    Split NONE = (units, step, part) -> part.run(0, units);

    /**
     * Does units 0 to before {@code units}.
     *
     * @param step units that a part has, except the last
     */
    void over(int units, int step, Part part);

    /** Part of a piece of work; parts may run at once. */
    @FunctionalInterface
    interface Part {
        /** Does the units from {@code from} to before {@code to}. */
        void run(int from, int to);
    }
}
