package awq4j.kernel;

/**
 * How the CPU backend runs.
 *
 * @param arithmetic which kernels; a choice the user made is kept or refused, never replaced
 * @param threads threads that compute, 0 for one per core available to the process
 */
public record CpuOptions(Arithmetic arithmetic, int threads) {
    /** The best kernels there are, on all cores. */
    public static final CpuOptions DEFAULT = new CpuOptions(Arithmetic.AUTO, 0);

    /** @throws IllegalArgumentException if threads is negative or over 1024 */
    public CpuOptions {
        if (threads < 0 || threads > 1024) {
            throw new IllegalArgumentException("threads must be in [0, 1024], was " + threads);
        }
    }

    /** Implementations of the row kernels. */
    public enum Arithmetic {
        /** Vector kernels where the module jdk.incubator.vector is present, else scalar with one log line. */
        AUTO,
        /** Plain loops: the definition. */
        SCALAR,
        /** The Vector API; refused where its module is absent. */
        VECTOR
    }
}
