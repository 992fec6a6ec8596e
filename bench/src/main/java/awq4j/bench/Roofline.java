package awq4j.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteOrder;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * What the machine could do at this moment: the limits that tokens per second are held against. Time is the threads'
 * processor time, so that others on the same cores do not count as slow memory.
 */
final class Roofline {
    private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final int BYTES = LONGS.vectorByteSize();
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
                        sum ^= read(memory, i * PIECE, (i + 1) * PIECE);
                    }
                    return sum;
                });
    }

    /** Float operations a second that {@code threads} threads reach in registers; a multiply-add counts as two. */
    double floatsPerSecond(int threads) {
        return 2.0
                * 12
                * FLOATS.length()
                * STEPS
                * CALLS
                * threads
                / seconds(threads, thread -> {
                    float sum = 0;
                    for (int i = 0; i < CALLS; i++) {
                        sum += multiplyAdd(STEPS);
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

    private static long read(MemorySegment from, long at, long to) {
        LongVector a = LongVector.zero(LONGS);
        LongVector b = LongVector.zero(LONGS);
        LongVector c = LongVector.zero(LONGS);
        LongVector d = LongVector.zero(LONGS);
        for (long i = at; i < to; i += 4L * BYTES) {
            a = a.lanewise(VectorOperators.XOR, LongVector.fromMemorySegment(LONGS, from, i, ByteOrder.LITTLE_ENDIAN));
            b = b.lanewise(
                    VectorOperators.XOR, LongVector.fromMemorySegment(LONGS, from, i + BYTES, ByteOrder.LITTLE_ENDIAN));
            c = c.lanewise(
                    VectorOperators.XOR,
                    LongVector.fromMemorySegment(LONGS, from, i + 2L * BYTES, ByteOrder.LITTLE_ENDIAN));
            d = d.lanewise(
                    VectorOperators.XOR,
                    LongVector.fromMemorySegment(LONGS, from, i + 3L * BYTES, ByteOrder.LITTLE_ENDIAN));
        }
        return a.lanewise(VectorOperators.XOR, b)
                .lanewise(VectorOperators.XOR, c)
                .lanewise(VectorOperators.XOR, d)
                .reduceLanes(VectorOperators.XOR);
    }

    private static float multiplyAdd(int steps) {
        FloatVector x = FloatVector.broadcast(FLOATS, 0.999f);
        FloatVector zero = FloatVector.zero(FLOATS);
        FloatVector a = zero;
        FloatVector b = zero;
        FloatVector c = zero;
        FloatVector d = zero;
        FloatVector e = zero;
        FloatVector f = zero;
        FloatVector g = zero;
        FloatVector h = zero;
        FloatVector i = zero;
        FloatVector j = zero;
        FloatVector k = zero;
        FloatVector l = zero;
        for (int step = 0; step < steps; step++) {
            a = x.fma(x, a);
            b = x.fma(x, b);
            c = x.fma(x, c);
            d = x.fma(x, d);
            e = x.fma(x, e);
            f = x.fma(x, f);
            g = x.fma(x, g);
            h = x.fma(x, h);
            i = x.fma(x, i);
            j = x.fma(x, j);
            k = x.fma(x, k);
            l = x.fma(x, l);
        }
        return a.add(b)
                .add(c)
                .add(d)
                .add(e)
                .add(f)
                .add(g)
                .add(h)
                .add(i)
                .add(j)
                .add(k)
                .add(l)
                .reduceLanes(VectorOperators.ADD);
    }
}
