package awq4j.bench;

import awq4j.kernel.CeilingLoops;
import awq4j.kernel.vector.VectorCeilingLoops;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;

/**
 * What the machine could do at this moment: the limits that tokens per second are held against. Time is the threads'
 * processor time, so that others on the same cores do not count as slow memory.
 */
final class Roofline {
    private static final CeilingLoops LOOPS = new VectorCeilingLoops();
    private static final long SIZE = 256L << 20;
    /** Steps of one call; many calls, because the compiler makes less of a loop that it enters in the middle. */
    private static final int STEPS = 10_000;

    private static final int CALLS = 1000;
    private static final long PIECE = 1 << 20;

    /** Where results go, so that the compiler cannot leave the loops out. */
    private static volatile long sink;

    private final MemorySegment memory = Arena.ofAuto().allocate(SIZE, 64);

    Roofline() {
        for (long i = 0; i < SIZE; i += 8) {
            memory.set(ValueLayout.JAVA_LONG, i, i * 0x9E3779B97F4A7C15L);
        }
        for (int i = 0; i < 10; i++) {
            readBytesPerSecond(1);
            floatsPerSecond(1);
        }
    }

    /** Bytes a second that {@code threads} threads read from memory together, each its own part, once. */
    double readBytesPerSecond(int threads) {
        long pieces = SIZE / PIECE / threads;
        return pieces
                * PIECE
                * threads
                / seconds(threads, thread -> {
                    long sum = 0;
                    for (long i = thread * pieces; i < (thread + 1) * pieces; i++) {
                        sum ^= LOOPS.read(memory, i * PIECE, (i + 1) * PIECE);
                    }
                    return sum;
                });
    }

    /** Float operations a second that {@code threads} threads reach in registers; a multiply-add counts as two. */
    double floatsPerSecond(int threads) {
        return (double) LOOPS.floatOperations()
                * STEPS
                * CALLS
                * threads
                / seconds(threads, thread -> {
                    float sum = 0;
                    for (int i = 0; i < CALLS; i++) {
                        sum += LOOPS.multiplyAddFloats(STEPS);
                    }
                    return (long) sum;
                });
    }

    private interface Part {
        long run(int thread);
    }

    /** Processor seconds of a thread, on average. */
    private static double seconds(int threads, Part part) {
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        try (var pool = Executors.newFixedThreadPool(threads)) {
            var parts = IntStream.range(0, threads)
                    .mapToObj(thread -> (Callable<Long>) () -> {
                        long start = clock.getCurrentThreadCpuTime();
                        sink = part.run(thread);
                        return clock.getCurrentThreadCpuTime() - start;
                    })
                    .toList();
            long sum = 0;
            for (var done : pool.invokeAll(parts)) {
                sum += done.get();
            }
            return sum / 1e9 / threads;
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }
}
