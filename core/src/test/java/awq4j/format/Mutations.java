package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.tensor.Tensor;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A small file, damaged in many seeded ways, and what reading it must answer: what it holds, or one sentence in one of
 * the two exceptions for files. It must not end in another exception, hang, take much memory, or leave the file open.
 *
 * <p>A failure names the seed and the number of the file; {@link #file} makes that one again.
 */
public final class Mutations {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Memory outside of the heap that lasts until it is collected: what tensors are decoded into. */
    private static final BufferPoolMXBean OUTSIDE =
            ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                    .filter(pool -> pool.getName().equals("direct"))
                    .findFirst()
                    .orElseThrow();

    /** Far above what any file here takes, on a machine that is doing other things. */
    private static final long HANGS_SECONDS = 60;

    /** Whatever the file's size: parsers' buffers, exceptions, and what a compiler would have left out. */
    private static final long SPARE_BYTES = 1 << 18;

    /** What takes more is read so often again: the first time, classes were perhaps loaded, and calls linked. */
    private static final int RELOADS = 8;

    private static final long[] NUMBERS = {
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        9,
        15,
        16,
        31,
        32,
        33,
        63,
        64,
        65,
        100,
        127,
        128,
        255,
        256,
        257,
        1000,
        4096,
        65_535,
        65_536,
        100_000_000,
        0x7fff_fffeL,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_fffeL,
        0xffff_ffffL,
        0x1_0000_0000L,
        1L << 40,
        1L << 61,
        1L << 62,
        Long.MAX_VALUE - 7,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -2,
        -8,
        -256
    };

    private static final byte[] TELLING = {
        0, 1, 0x7f, (byte) 0x80, (byte) 0xff, '0', '1', '2', '9', '{', '}', '[', ']', '"', ',', ':', '-', '.', '/', '\n'
    };

    private final byte[] good;
    private final long seed;
    private final List<Span> spans;
    private final UnaryOperator<byte[]> repair;
    private final long mostBytes;
    private final boolean placed;

    private Mutations(
            byte[] good, long seed, List<Span> spans, UnaryOperator<byte[]> repair, long mostBytes, boolean placed) {
        this.good = good;
        this.seed = seed;
        this.spans = List.copyOf(spans);
        this.repair = repair;
        this.mostBytes = mostBytes;
        this.placed = placed;
    }

    /** Part of the file. */
    private record Span(int from, int to) {}

    /** Opens a file, reads all there is in it, and closes it. */
    @FunctionalInterface
    public interface Reader {
        /** Reads the file. */
        void read(Path file) throws IOException;
    }

    /** How many of the files were read, and how many refused as what. */
    public record Outcome(int accepted, int malformed, int unsupported) {}

    /**
     * Damage to a file.
     *
     * @param good the whole file, of some kilobytes at most; it must be readable
     */
    public static Mutations of(byte[] good, long seed) {
        return new Mutations(good.clone(), seed, List.of(), bytes -> bytes, 2L * good.length + SPARE_BYTES, false);
    }

    /** The same with more damage to a part, a header say: half of it falls on such parts, half anywhere. */
    public Mutations within(int from, int to) {
        var more = new ArrayList<>(spans);
        more.add(new Span(from, to));
        return new Mutations(good, seed, more, repair, mostBytes, placed);
    }

    /** The same with something done to each file behind the damage, such as stating the right checksum. */
    public Mutations repaired(UnaryOperator<byte[]> repair) {
        return new Mutations(good, seed, spans, repair, mostBytes, placed);
    }

    /** The same with another bound on what the reading thread may allocate; else twice the file and 256 KiB. */
    public Mutations allocating(long mostBytes) {
        return new Mutations(good, seed, spans, repair, mostBytes, placed);
    }

    /** The same for a format in which every fault has a place: its offset must be stated. */
    public Mutations placed() {
        return new Mutations(good, seed, spans, repair, mostBytes, true);
    }

    /** The damaged file of a number. */
    public byte[] file(int number) {
        return damaged(number, new ArrayList<>());
    }

    /**
     * Reads the good file, then {@code count} damaged ones.
     *
     * @param file where each is written in turn; what the reader wants beside it must be there
     */
    public Outcome read(int count, Path file, Reader reader) {
        ExecutorService executor = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("mutations").factory());
        try {
            var run = new Run(count, file, reader);
            Outcome outcome = await(executor.submit(run), run);
            checkClosed(file);
            return outcome;
        } finally {
            executor.shutdownNow();
        }
    }

    /** All files by one thread: to hand each to another would take longer than to read it. */
    private final class Run implements Callable<Outcome> {
        private final int count;
        private final Path file;
        private final Reader reader;
        private volatile String what = "the good file";
        private volatile long since = System.nanoTime();

        private Run(int count, Path file, Reader reader) {
            this.count = count;
            this.file = file;
            this.reader = reader;
        }

        @Override
        public Outcome call() {
            write(file, repair.apply(good.clone()));
            assertThat(Mutations.read(file, reader).fault())
                    .as("reading the good file")
                    .isNull();
            int malformed = 0;
            int unsupported = 0;
            for (int number = 0; number < count; number++) {
                var done = new ArrayList<String>();
                byte[] bytes = damaged(number, done);
                write(file, bytes);
                what = "seed " + seed + ", file " + number + " (" + String.join("; ", done) + ")";
                since = System.nanoTime();
                Reading reading = Mutations.read(file, reader);
                switch (reading.fault()) {
                    case null -> {}
                    case MalformedFileException e -> {
                        malformed++;
                        checkMessage(what, e);
                        if (e.file().equals(file)) {
                            checkPlace(what, e, bytes.length);
                        }
                    }
                    case UnsupportedModelException e -> {
                        unsupported++;
                        checkMessage(what, e);
                    }
                    case Throwable e -> throw new AssertionError(what, e);
                }
                long allocated = reading.allocated();
                for (int again = 0; allocated > mostBytes && again < RELOADS; again++) {
                    allocated = Mutations.read(file, reader).allocated();
                }
                if (allocated > mostBytes) { // an assertion's own description would be half of the work
                    throw new AssertionError("bytes allocated for a file of " + bytes.length + ", " + what + ": "
                            + allocated + ", expected at most " + mostBytes);
                }
            }
            return new Outcome(count - malformed - unsupported, malformed, unsupported);
        }

        private void checkAlive() {
            if (System.nanoTime() - since > TimeUnit.SECONDS.toNanos(HANGS_SECONDS)) {
                throw new AssertionError(what + " is still being read after " + HANGS_SECONDS + " s: " + where());
            }
        }
    }

    /** Reads every byte of a tensor, so that one beyond its file shows. */
    public static void touch(Tensor tensor) {
        long sum = 0;
        for (long i = 0; i < tensor.data().byteSize(); i++) {
            sum += tensor.data().get(ValueLayout.JAVA_BYTE, i);
        }
        assertThat(Math.abs(sum)).isLessThanOrEqualTo(128 * tensor.data().byteSize());
    }

    private record Reading(@Nullable Throwable fault, long allocated) {}

    /** Counts what the thread takes of the heap, and what the file's memory takes outside of it. */
    private static Reading read(Path file, Reader reader) {
        long outside = OUTSIDE.getTotalCapacity();
        long before = THREADS.getCurrentThreadAllocatedBytes();
        Throwable fault = null;
        try {
            reader.read(file);
        } catch (Throwable e) { // an OutOfMemoryError is an answer, too, and a wrong one
            fault = e;
        }
        long heap = THREADS.getCurrentThreadAllocatedBytes() - before;
        return new Reading(fault, heap + Math.max(0, OUTSIDE.getTotalCapacity() - outside));
    }

    private static Outcome await(Future<Outcome> outcome, Run run) {
        while (true) {
            try {
                return outcome.get(1, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                run.checkAlive();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof AssertionError found ? found : new AssertionError(run.what, e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError(run.what, e);
            }
        }
    }

    private static String where() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(entry -> entry.getKey().getName().equals("mutations"))
                .map(entry -> Arrays.toString(entry.getValue()))
                .toList()
                .toString();
    }

    private static void checkMessage(String what, RuntimeException e) {
        int length = String.valueOf(e.getMessage()).length();
        if (length < 10 || length > 600) {
            throw new AssertionError("message, " + what, e);
        }
    }

    private void checkPlace(String what, MalformedFileException e, int length) {
        if (e.offset() < (placed ? 0 : -1) || e.offset() > length) {
            throw new AssertionError("offset, " + what, e);
        }
    }

    /** Where the system tells: a mapping of a file that was refused would stay for good. */
    private static void checkClosed(Path file) {
        Path maps = Path.of("/proc/self/maps");
        if (Files.isReadable(maps)) {
            try (Stream<String> lines = Files.lines(maps)) {
                assertThat(lines.filter(
                                line -> line.contains(file.toAbsolutePath().toString())))
                        .as("mappings of the file that are left")
                        .isEmpty();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static void write(Path file, byte[] bytes) {
        try {
            Files.deleteIfExists(file); // a new file: one still mapped must not shrink
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private byte[] damaged(int number, List<String> done) {
        var random = new SplittableRandom(seed * 1_000_003 + number);
        byte[] bytes = good.clone();
        int changes = random.nextInt(3) > 0 ? 1 : 1 + random.nextInt(4);
        for (int i = 0; i < changes && bytes.length > 0; i++) {
            bytes = damage(bytes, random, done);
        }
        return repair.apply(bytes);
    }

    private byte[] damage(byte[] bytes, SplittableRandom random, List<String> done) {
        int at = place(bytes.length, random);
        int length = Math.min(bytes.length - at, 1 + random.nextInt(random.nextInt(4) == 0 ? 64 : 8));
        int kind = random.nextInt(24);
        if (kind < 4) {
            bytes[at] ^= (byte) (1 << random.nextInt(8));
            done.add("byte " + at + " = " + bytes[at]);
        } else if (kind < 8) {
            bytes[at] = (byte) random.nextInt(256);
            done.add("byte " + at + " = " + bytes[at]);
        } else if (kind < 12) {
            bytes[at] = TELLING[random.nextInt(TELLING.length)];
            done.add("byte " + at + " = " + bytes[at]);
        } else if (kind < 17) {
            number(bytes, at, random, done);
        } else if (kind == 17) {
            done.add("cut to " + at);
            return Arrays.copyOf(bytes, at);
        } else if (kind == 18) {
            done.add(length + " bytes less at " + at);
            return spliced(bytes, at, at + length, new byte[0]);
        } else if (kind == 19) {
            byte[] more = new byte[length];
            random.nextBytes(more);
            done.add(length + " bytes more at " + at);
            return spliced(bytes, at, at, more);
        } else if (kind == 20) {
            Arrays.fill(bytes, at, at + length, (byte) 0);
            done.add(length + " zeros at " + at);
        } else {
            int from = place(bytes.length, random);
            int count = Math.min(length, bytes.length - from);
            byte[] copy = Arrays.copyOfRange(bytes, from, from + count);
            done.add(count + " bytes of " + from + " at " + at);
            return spliced(bytes, at, kind == 21 ? at : Math.min(bytes.length, at + count), copy);
        }
        return bytes;
    }

    /** A number as binary formats have it, or as text if digits stand there. */
    private static void number(byte[] bytes, int at, SplittableRandom random, List<String> done) {
        long value = NUMBERS[random.nextInt(NUMBERS.length)];
        if (Character.isDigit(bytes[at])) {
            for (int i = at; i < bytes.length && Character.isDigit(bytes[i]); i++) {
                bytes[i] = (byte) ('0' + random.nextInt(10));
            }
            done.add("other digits at " + at);
            return;
        }
        int width = 1 << random.nextInt(4);
        ByteOrder order = random.nextInt(5) == 0 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        byte[] eight = ByteBuffer.allocate(8).order(order).putLong(value).array();
        int skipped = order == ByteOrder.BIG_ENDIAN ? 8 - width : 0;
        int count = Math.min(width, bytes.length - at);
        System.arraycopy(eight, skipped, bytes, at, count);
        done.add("number " + value + " in " + count + " bytes at " + at);
    }

    private int place(int length, SplittableRandom random) {
        if (!spans.isEmpty() && random.nextBoolean()) {
            Span span = spans.get(random.nextInt(spans.size()));
            return Math.min(length - 1, random.nextInt(span.from(), span.to()));
        }
        return random.nextInt(length);
    }

    private static byte[] spliced(byte[] bytes, int from, int to, byte[] instead) {
        byte[] out = new byte[bytes.length - (to - from) + instead.length];
        System.arraycopy(bytes, 0, out, 0, from);
        System.arraycopy(instead, 0, out, from, instead.length);
        System.arraycopy(bytes, to, out, from + instead.length, bytes.length - to);
        return out;
    }
}
