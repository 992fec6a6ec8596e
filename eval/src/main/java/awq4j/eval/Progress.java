package awq4j.eval;

/** Watches a measurement, and ends it by throwing. */
@FunctionalInterface
public interface Progress {
    /** Does not watch. */
    Progress NONE = (done, all, soFar) -> {};

    /**
     * Some tokens are done.
     *
     * @param done tokens predicted so far
     * @param all tokens to predict
     * @param soFar the measure over the windows that are complete; NaN before the first
     */
    void at(long done, long all, double soFar);
}
