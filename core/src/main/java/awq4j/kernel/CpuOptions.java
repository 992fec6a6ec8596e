package awq4j.kernel;

/**
 * How the CPU backend runs.
 *
 * @param arithmetic which kernels; a choice the user made is kept or refused, never replaced
 * @param precision in what arithmetic weights meet activations
 * @param threads threads that compute, 0 for one per physical core available to the process
 */
public record CpuOptions(Arithmetic arithmetic, Precision precision, int threads) {
    /** The best kernels there are, exact arithmetic, on all cores. */
    public static final CpuOptions DEFAULT = new CpuOptions(Arithmetic.AUTO, Precision.W4A16, 0);

    /** For running models as fast as they go: {@link #DEFAULT} in {@link Precision#W4A8}. */
    public static final CpuOptions FASTEST = new CpuOptions(Arithmetic.AUTO, Precision.W4A8, 0);

    /** Exact arithmetic. */
    public CpuOptions(Arithmetic arithmetic, int threads) {
        this(arithmetic, Precision.W4A16, threads);
    }

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
