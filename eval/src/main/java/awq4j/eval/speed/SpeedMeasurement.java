package awq4j.eval.speed;

import awq4j.eval.speed.SpeedResult.Ceilings;
import awq4j.eval.speed.SpeedWatch.Step;
import awq4j.format.Checkpoint;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.MachineCeilings;
import awq4j.model.BlockSpec;
import awq4j.model.PackedModel;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.runtime.Generation;
import awq4j.runtime.Sampling;
import awq4j.runtime.Sequence;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;

/**
 * Measures how fast a model answers: by the loop that answers users, after it has been run until it is steady, with the
 * machine's limits measured between the runs.
 *
 * <p>One measurement in a process gives the cleanest figures: the compiler has seen nothing else, and the peak of memory
 * is this model's.
 */
public final class SpeedMeasurement {
    /** Runs that warm up are short: they are many. */
    private static final int WARM_PROMPT = Transformer.DEFAULT_CHUNK;

    private static final int WARM_REPLY = 24;
    private static final int LEAST_WARM_UPS = 3;
    private static final int MOST_WARM_UPS = 100;

    /** Of a tiny model many runs agree before the compiler has begun. */
    private static final long LEAST_WARM_NANOS = 2_000_000_000L;

    private static final long MOST_WARM_NANOS = 45_000_000_000L;

    /** Processor time is counted in ticks of the system: of less than this its share says nothing. */
    private static final double LEAST_ACCOUNTED_NANOS = 1e9;

    /** Two successive runs that differ by less show that the compiler is done. */
    private static final double STEADY = 0.03;

    private final Transformer transformer;
    private final CpuBackend backend;
    private final SpeedSettings settings;
    private final SpeedWatch watch;
    private final Sequence sequence;
    private final ProcessClock clock;
    private int warmUps;

    private SpeedMeasurement(Transformer transformer, CpuBackend backend, SpeedSettings settings, SpeedWatch watch) {
        this.transformer = transformer;
        this.backend = backend;
        this.settings = settings;
        this.watch = watch;
        sequence = new Sequence(transformer, settings.kv(), settings.positions());
        clock = new ProcessClock();
    }

    /**
     * Opens a model, runs it and closes it; packed weights in its folder are used if they fit.
     *
     * @param opening gives the checkpoint; the time it takes is part of the load
     * @param options kernels, arithmetic and threads
     * @throws IllegalArgumentException if prompt and reply are more than the model's context
     * @throws awq4j.format.MalformedFileException if the model is not what it should be
     * @throws awq4j.format.UnsupportedModelException if it is fine and not supported
     * @throws awq4j.kernel.BackendException if the kernels cannot run here
     */
    public static SpeedResult run(
            Supplier<? extends Checkpoint> opening, CpuOptions options, SpeedSettings settings, SpeedWatch watch) {
        watch.at(Step.LOAD, 1);
        try (CpuBackend backend = CpuBackend.open(options)) {
            long start = System.nanoTime();
            try (Checkpoint checkpoint = opening.get()) {
                Optional<PackedFile> packed = PackedModel.beside(checkpoint, backend);
                try {
                    Transformer transformer = Transformer.open(
                            backend, Families.spec(checkpoint), checkpoint, packed, Transformer.DEFAULT_CHUNK);
                    double load = (System.nanoTime() - start) / 1e9;
                    check(transformer, settings);
                    return new SpeedMeasurement(transformer, backend, settings, watch).run(load, packed.isPresent());
                } finally {
                    packed.ifPresent(PackedFile::close);
                }
            }
        }
    }

    private static void check(Transformer transformer, SpeedSettings settings) {
        if (settings.positions() > transformer.maxPositions()) {
            throw new IllegalArgumentException("prompt and reply take " + settings.positions()
                    + " positions, the model's context has " + transformer.maxPositions() + ": ask for fewer tokens");
        }
    }

    private SpeedResult run(double load, boolean packed) {
        warmUp();
        MemoryPeak peak = MemoryPeak.soFar(); // before the memory that only the limits need
        int runs = settings.runs();
        double[] prefill = new double[runs];
        double[] decode = new double[runs];
        double[] first = new double[runs];
        double[] reads = new double[runs];
        double[] floats = new double[runs];
        double[] shorts = new double[runs];
        double[] allocated = new double[runs];
        double used = 0;
        double had = 0;
        long gcMillis = 0;
        long gcCount = 0;
        long region = region();
        try (var machine = MachineCeilings.open(backend.threads(), region)) {
            for (int i = 0; i < runs; i++) {
                watch.at(Step.RUN, i + 1);
                reads[i] = machine.readBytesPerSecond();
                floats[i] = machine.floatOperationsPerSecond();
                shorts[i] = machine.shortOperationsPerSecond();
                long millis = ProcessClock.gcMillis();
                long count = ProcessClock.gcCount();
                Run run = measure(settings);
                gcMillis += ProcessClock.gcMillis() - millis;
                gcCount += ProcessClock.gcCount() - count;
                prefill[i] = run.prefill;
                decode[i] = run.decode;
                first[i] = run.firstMillis;
                allocated[i] = run.allocated;
                used += run.processorNanos;
                had += (double) backend.threads() * run.wallNanos;
            }
        }
        return new SpeedResult(
                backend.name(),
                backend.threads(),
                settings,
                packed,
                load,
                Spread.of(prefill),
                Spread.of(decode),
                Spread.of(first),
                peak,
                Spread.of(allocated).median(),
                gcMillis,
                gcCount,
                transformer.bytesPerToken(),
                kvBytes(),
                ModelWork.of(transformer.spec()),
                new Ceilings(region, Spread.of(reads), Spread.of(floats), Spread.of(shorts)),
                had < LEAST_ACCOUNTED_NANOS ? Double.NaN : Math.min(1, used / had),
                warmUps);
    }

    /** Until two successive runs agree, and then once as it will be measured. */
    private void warmUp() {
        SpeedSettings brief = settings.brief(WARM_PROMPT, WARM_REPLY);
        long start = System.nanoTime();
        Run before = null;
        while (warmUps < MOST_WARM_UPS && (warmUps < 2 || System.nanoTime() - start < MOST_WARM_NANOS)) {
            watch.at(Step.WARM_UP, ++warmUps);
            Run run = measure(brief);
            if (before != null
                    && System.nanoTime() - start > LEAST_WARM_NANOS
                    && warmUps >= LEAST_WARM_UPS
                    && agree(run.prefill, before.prefill)
                    && agree(run.decode, before.decode)) {
                break;
            }
            before = run;
        }
        watch.at(Step.WARM_UP, ++warmUps);
        measure(settings);
    }

    private static boolean agree(double a, double b) {
        return Math.abs(a - b) <= STEADY * Math.max(a, b);
    }

    private record Run(
            double prefill, double decode, double firstMillis, double allocated, long wallNanos, long processorNanos) {}

    private Run measure(SpeedSettings what) {
        long start = System.nanoTime();
        long processor = clock.processorNanos();
        var prefill = new Reply(what.promptTokens(), what.continues() ? what.replyTokens() : 0);
        var decode = what.continues() ? prefill : new Reply(Math.max(1, what.depth()), what.replyTokens());
        long used = clock.processorNanos() - processor;
        long wall = System.nanoTime() - start;
        return new Run(
                prefill.outcome.timings().promptTokensPerSecond(),
                decode.outcome.timings().replyTokensPerSecond(),
                prefill.outcome.timings().firstToken().toNanos() / 1e6,
                decode.allocated(),
                wall,
                used);
    }

    /** One answer, and what was allocated between its first and its last token. */
    private final class Reply {
        private final Generation.Outcome outcome;
        private final int more;
        private int seen;
        private long atFirst;
        private long atLast;

        /** @param more tokens behind the first one */
        Reply(int promptTokens, int more) {
            this.more = more;
            sequence.clear();
            int[] prompt = new SplittableRandom(promptTokens)
                    .ints(promptTokens, 0, transformer.spec().vocabulary())
                    .toArray();
            var sampling = Sampling.greedy().withMaxTokens(more + 1);
            outcome = Generation.run(sequence, prompt, sampling, Set.of(), this::next, this::cancelled);
            if (outcome.tokens().length != more + 1) {
                throw new CancellationException("interrupted");
            }
        }

        private boolean next(int token) {
            if (seen == 0) {
                atFirst = clock.allocatedBytes();
            }
            if (seen == more) {
                atLast = clock.allocatedBytes();
            }
            seen++;
            return token >= 0;
        }

        private boolean cancelled() {
            return watch.cancelled();
        }

        double allocated() {
            return (double) (atLast - atFirst) / more;
        }
    }

    /** Mean over the reply, of all layers. */
    private double kvBytes() {
        double sum = 0;
        for (BlockSpec block : transformer.spec().blocks()) {
            var shape = block.attention().shape();
            for (int i = 0; i < settings.replyTokens(); i++) {
                int query = Math.max(1, settings.depth()) + i;
                int first = shape.window() == 0 ? 0 : Math.max(0, query - shape.window() + 1);
                sum += 2.0 * shape.kvHeads() * settings.kv().bytesRead(first, query, shape.headDim());
            }
        }
        return sum / settings.replyTokens();
    }

    /** At least as much as a token reads, if there is so much memory. */
    private long region() {
        long wanted = Math.max(settings.leastRegionBytes(), transformer.bytesPerToken());
        return Math.min(wanted, settings.mostRegionBytes());
    }
}
