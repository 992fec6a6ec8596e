package awq4j.kernel;

import awq4j.kernel.scalar.ScalarCeilingLoops;
import awq4j.kernel.vector.VectorCeilingLoops;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What this machine can do at this moment with some threads: the limits that a model's speed is held against. Measured
 * by the clock, as the model is, and with the same kind of team; so what others do on the machine lowers both.
 *
 * <p>Where the Vector API is absent, plain loops stand in: they show what plain Java reaches, which is less than the
 * machine could do. For one caller at a time.
 */
public final class MachineCeilings implements AutoCloseable {
    /** A measurement goes on for this long, and reads the region at least once. */
    private static final long LEAST_NANOS = 250_000_000;

    /** What is read and computed before anything is measured, so that the compiler has seen the loops. */
    private static final int WARM_ROUNDS = 8;

    /** Bytes that a thread claims at once. */
    private static final long PIECE = 1 << 20;

    /** Steps of arithmetic that a thread claims at once: about a millisecond. */
    private static final int STEPS = 300_000;

    /** Pieces of arithmetic a thread has before all of them wait for the last. */
    private static final int PIECES = 16;

    /** Where results go, so that the compiler cannot leave the loops out. */
    private static volatile double sink;

    private final CeilingLoops loops;
    private final ThreadTeam team;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment region;

    private MachineCeilings(CeilingLoops loops, int threads, long bytes) {
        this.loops = loops;
        team = new ThreadTeam(threads);
        try {
            region = arena.allocate(bytes, 64).fill((byte) 0x5a); // pages that were never written may not exist
        } catch (OutOfMemoryError e) {
            close();
            throw new BackendException("no memory for a region of " + (bytes >> 20) + " MiB to read from");
        }
    }

    /**
     * Takes memory and threads.
     *
     * @param threads that measure together, at least 1
     * @param regionBytes memory to read from: several times what the caches hold, or the caches are measured. Rounded up
     *     to whole mebibytes
     * @throws BackendException if there is no such memory
     */
    public static MachineCeilings open(int threads, long regionBytes) {
        if (threads < 1 || regionBytes < 1) {
            throw new IllegalArgumentException(
                    "ceilings need threads and memory, were " + threads + " and " + regionBytes + " bytes");
        }
        CeilingLoops loops = CpuBackend.vectorsPresent() ? new VectorCeilingLoops() : new ScalarCeilingLoops();
        var ceilings = new MachineCeilings(loops, threads, Math.ceilDiv(regionBytes, PIECE) * PIECE);
        ceilings.warmUp();
        return ceilings;
    }

    private void warmUp() {
        for (int i = 0; i < WARM_ROUNDS; i++) {
            for (int j = 0; j < STEPS; j += STEPS / 100) { // many calls: entered midway, a loop is compiled less well
                sink = loops.multiplyAddFloats(STEPS / 100) + loops.multiplyAddShorts(STEPS / 100);
            }
            for (long at = 0; at < PIECE; at += PIECE / 64) {
                sink = loops.read(region, at, at + PIECE / 64);
            }
        }
        readBytesPerSecond(); // the first of each is far below the next: half of it, on two threads
        floatOperationsPerSecond();
        shortOperationsPerSecond();
    }

    /** Threads that measure together. */
    public int threads() {
        return team.size();
    }

    /** Bytes of the region that is read. */
    public long regionBytes() {
        return region.byteSize();
    }

    /** Bytes a second that all threads together read from memory, each a mebibyte at a time from front to back. */
    public double readBytesPerSecond() {
        int pieces = (int) (region.byteSize() / PIECE);
        return rate(
                (double) region.byteSize(),
                () -> team.run(pieces, 1, (from, to, scratch) -> sink = loops.read(region, from * PIECE, to * PIECE)));
    }

    /** Float operations a second of all threads together, in registers; a multiply-add counts as two. */
    public double floatOperationsPerSecond() {
        return arithmetic(loops.floatOperations(), steps -> sink = loops.multiplyAddFloats(steps));
    }

    /** Operations on 16-bit integers a second of all threads together, in registers; a multiply-add counts as two. */
    public double shortOperationsPerSecond() {
        return arithmetic(loops.shortOperations(), steps -> sink = loops.multiplyAddShorts(steps));
    }

    private interface Arithmetic {
        void run(int steps);
    }

    private double arithmetic(int operations, Arithmetic part) {
        int pieces = PIECES * team.size();
        return rate(
                (double) operations * STEPS * pieces,
                () -> team.run(pieces, 1, (from, to, scratch) -> part.run((to - from) * STEPS)));
    }

    /** Units a second; a round is so many units. */
    private static double rate(double units, Runnable round) {
        long start = System.nanoTime();
        long now = start;
        int rounds = 0;
        while (now - start < LEAST_NANOS) {
            round.run();
            rounds++;
            now = System.nanoTime();
        }
        return rounds * units * 1e9 / (now - start);
    }

    /** Gives memory and threads back. */
    @Override
    public void close() {
        team.close();
        arena.close();
    }
}
