package awq4j.eval.speed;

import awq4j.eval.speed.Roofline.Point;
import awq4j.eval.speed.SpeedResult.Ceilings;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.MachineCeilings;
import awq4j.model.Linear;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Measures a model's linears one kind at a time, as the backend runs them, with weights that come from memory: there are
 * as many copies of each matrix as no cache holds, used in turn.
 */
public final class RooflineMeasurement {
    private static final List<Integer> BATCHES = List.of(1, 2, 4, 8, 16, 32, 64);

    private static final int WARM_ROUNDS = 3;

    private final ModelShape shape;
    private final SpeedPrecision precision;
    private final Settings settings;
    private final Watch watch;
    private final List<LinearKind> kinds;
    private final List<Point> points = new ArrayList<>();
    private final List<Double> reads = new ArrayList<>();
    private final List<Double> floats = new ArrayList<>();
    private final List<Double> shorts = new ArrayList<>();

    /**
     * What is measured, and how long.
     *
     * @param groupSize columns of 4-bit weights that share a scale
     * @param copyBytes that the copies of a kind's matrices take at least: several times what the caches hold
     * @param regionBytes memory to measure reads from
     * @param warmNanos that the first kind of linear runs with each number of tokens, in each of several rounds, before
     *     anything is measured: different numbers take different paths, and the compiler is busy meanwhile
     * @param leastNanos that one measurement takes at least
     * @param runs of which the median counts
     */
    public record Settings(
            CpuOptions cpu,
            int groupSize,
            long copyBytes,
            long regionBytes,
            long warmNanos,
            long leastNanos,
            int runs) {}

    /** Is told what is about to be measured, and may throw to end it. */
    @FunctionalInterface
    public interface Watch {
        /**
         * A kind of linear is about to run.
         *
         * @param number of the kind, from 1
         * @param all how many there are
         */
        void at(String kind, int number, int all);
    }

    private RooflineMeasurement(ModelShape shape, SpeedPrecision precision, Settings settings, Watch watch) {
        this.shape = shape;
        this.precision = precision;
        this.settings = settings;
        this.watch = watch;
        this.kinds = LinearKind.of(shape.spec());
    }

    /**
     * Measures in one precision. One measurement in a process gives the cleanest figures: what the compiler has seen of
     * another precision, it weighs in this one.
     *
     * @throws awq4j.format.UnsupportedModelException if the shape's linears depend on the text
     * @throws awq4j.kernel.BackendException if the kernels cannot run here, or there is no memory
     */
    public static Roofline.Part run(ModelShape shape, SpeedPrecision precision, Settings settings, Watch watch) {
        return new RooflineMeasurement(shape, precision, settings, watch).run();
    }

    private Roofline.Part run() {
        CpuOptions cpu = settings.cpu;
        try (var backend = CpuBackend.open(new CpuOptions(cpu.arithmetic(), precision.arithmetic(), cpu.threads()));
                var weights = new RandomCheckpoint(shape, precision.weights(settings.groupSize))) {
            ceilings(backend.threads());
            for (LinearKind kind : kinds) {
                watch.at(kind.name(), points.size() / BATCHES.size() + 1, kinds.size());
                measure(backend, kind, weights);
            }
            ceilings(backend.threads());
            return new Roofline.Part(
                    precision,
                    backend.name(),
                    backend.threads(),
                    points,
                    new Ceilings(settings.regionBytes, spread(reads), spread(floats), spread(shorts)));
        }
    }

    private void ceilings(int threads) {
        try (var machine = MachineCeilings.open(threads, settings.regionBytes)) {
            reads.add(machine.readBytesPerSecond());
            floats.add(machine.floatOperationsPerSecond());
            shorts.add(machine.shortOperationsPerSecond());
        }
    }

    private static Spread spread(List<Double> values) {
        return Spread.of(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    private void measure(CpuBackend backend, LinearKind kind, RandomCheckpoint weights) {
        long bytes = precision.plain().isPresent() ? 2 * kind.weights() : kind.weights() / 2;
        int count = Math.toIntExact(Math.max(2, Math.ceilDiv(settings.copyBytes, bytes)));
        var copies = new ArrayList<WeightCopies>();
        try {
            for (Linear linear : kind.linears()) {
                copies.add(new WeightCopies(backend, weights.linear(linear.name()), kind.head(), count));
            }
            long sizeBytes = copies.stream().mapToLong(WeightCopies::sizeBytes).sum();
            if (points.isEmpty()) {
                warmUp(backend, kind, copies);
            }
            for (int batch : BATCHES) {
                var pass = new Pass(backend, kind, copies, batch);
                pass.runFor(settings.leastNanos);
                double[] seconds = new double[settings.runs];
                for (int i = 0; i < seconds.length; i++) {
                    seconds[i] = pass.runFor(settings.leastNanos);
                }
                points.add(
                        new Point(precision, kind.name(), batch, Work.of(kind, sizeBytes, batch), Spread.of(seconds)));
            }
        } finally {
            copies.forEach(WeightCopies::close);
        }
    }

    private void warmUp(CpuBackend backend, LinearKind kind, List<WeightCopies> copies) {
        for (int round = 0; round < WARM_ROUNDS; round++) {
            for (int batch : BATCHES) {
                new Pass(backend, kind, copies, batch).runFor(settings.warmNanos);
            }
        }
    }

    /** All linears of a kind, one after the other. */
    private static final class Pass {
        private final CpuBackend backend;
        private final List<WeightCopies> copies;
        private final Buffer in;
        private final List<Buffer> out = new ArrayList<>();
        private int turn;

        Pass(CpuBackend backend, LinearKind kind, List<WeightCopies> copies, int batch) {
            this.backend = backend;
            this.copies = copies;
            in = backend.allocate(batch, kind.inputs());
            var random = new SplittableRandom(batch);
            float[] values = new float[batch * kind.inputs()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            backend.write(values, in);
            for (Linear linear : kind.linears()) {
                out.add(backend.allocate(batch, linear.rows()));
            }
        }

        /** Runs for some time, at least once; gives the seconds that a pass took. */
        double runFor(long nanos) {
            long start = System.nanoTime();
            long now = start;
            int passes = 0;
            while (passes == 0 || now - start < nanos) {
                for (int i = 0; i < out.size(); i++) {
                    backend.kernels().linear(copies.get(i).at(turn), null, in, out.get(i));
                }
                turn++;
                passes++;
                now = System.nanoTime();
            }
            return (now - start) / 1e9 / passes;
        }
    }
}
