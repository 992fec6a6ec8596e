package awq4j.runtime;

import java.util.random.RandomGenerator;

/**
 * SplitMix64 (Steele, Lea and Flood, 2014): the generator behind a seed. Its own code, because the JDK promises no
 * sequence for its generators and a seed should mean the same reply next year.
 */
final class SplitMix implements RandomGenerator {
    private long state;

    SplitMix(long seed) {
        state = seed;
    }

    @Override
    public long nextLong() {
        state += 0x9E3779B97F4A7C15L;
        long z = state;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** Uniform in [0, 1), the upper 53 bits of {@link #nextLong}. */
    @Override
    public double nextDouble() {
        return (nextLong() >>> 11) * 0x1p-53;
    }
}
