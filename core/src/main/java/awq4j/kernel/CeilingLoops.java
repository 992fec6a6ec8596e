package awq4j.kernel;

import java.lang.foreign.MemorySegment;

/**
 * Loops that do one thing as fast as it goes, and nothing useful: what a machine's limits are measured with. Without
 * state, for any number of threads at once; each returns a number only so that the compiler cannot leave the work out.
 */
public interface CeilingLoops {
    /** Bytes that {@link #read} takes at a step: regions and places are multiples. */
    int READ_STEP = 512;

    /**
     * Reads memory from front to back, once.
     *
     * @param memory aligned to 64 bytes
     * @param at first byte, a multiple of {@value #READ_STEP}
     * @param to behind the last byte, a multiple of {@value #READ_STEP}
     */
    long read(MemorySegment memory, long at, long to);

    /** Multiplies and adds floats, {@code steps} times {@link #floatOperations}, without touching memory beyond the nearest cache. */
    float multiplyAddFloats(int steps);

    /** Operations of a step of {@link #multiplyAddFloats}; a multiply-add counts as two. */
    int floatOperations();

    /** Multiplies and adds 16-bit integers, {@code steps} times {@link #shortOperations}, likewise. */
    int multiplyAddShorts(int steps);

    /** Operations of a step of {@link #multiplyAddShorts}; a multiply-add counts as two. */
    int shortOperations();
}
