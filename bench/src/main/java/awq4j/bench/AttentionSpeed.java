package awq4j.bench;

import awq4j.eval.speed.Spread;
import awq4j.kernel.AttentionShape;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.regex.Pattern;

/**
 * What attention costs on one thread, by its processor time: one token at the end of a context beside the bandwidth of
 * plain reads, and a prompt beside multiply-adds in registers. The caches of a decode step are those of as many layers
 * as make {@value #MEGABYTES} MB, so that they come from memory.
 */
public final class AttentionSpeed {
    private static final int MEGABYTES = 256;
    private static final int CHUNK = 256;
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    private final Roofline roofline = new Roofline();
    private final Backend backend = CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, 1));
    private final SplittableRandom random = new SplittableRandom(5);
    private final int runs;

    private AttentionSpeed(int runs) {
        this.runs = runs;
    }

    @SuppressWarnings("NullAway") // the slopes may be null; that is lost on the way through the module's classes
    private static AttentionShape shape(int heads, int kvHeads, int headDim) {
        return new AttentionShape(heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), 0, null);
    }

    /**
     * Runs it.
     *
     * @param arguments runs (7); precisions (F16,I8,I4,F32), comma-separated; contexts (512,2048,8192)
     */
    public static void main(String[] arguments) {
        var speed = new AttentionSpeed(arguments.length > 0 ? Integer.parseInt(arguments[0]) : 7);
        String precisions = arguments.length > 1 ? arguments[1] : "F16,I8,I4,F32";
        String contexts = arguments.length > 2 ? arguments[2] : "512,2048,8192";
        System.out.printf(Locale.ROOT, "Java %s, %s%n", Runtime.version(), speed.backend.name());
        var tiny = shape(32, 4, 64);
        var llama = shape(32, 32, 128);
        for (String name : split(precisions)) {
            KvPrecision precision = KvPrecision.valueOf(name);
            for (AttentionShape shape : new AttentionShape[] {tiny, llama}) {
                System.out.printf(
                        Locale.ROOT,
                        "%s, %d heads, %d kv heads of %d%n",
                        precision,
                        shape.heads(),
                        shape.kvHeads(),
                        shape.headDim());
                speed.prompt(shape, precision, 512);
                for (String context : split(contexts)) {
                    speed.decode(shape, precision, Integer.parseInt(context));
                }
            }
        }
        speed.backend.close();
    }

    private static String[] split(String list) {
        return Pattern.compile(",").split(list);
    }

    private Buffer random(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Buffer buffer = backend.allocate(rows, columns);
        backend.write(values, buffer);
        return buffer;
    }

    private static int[] positions(int from, int to) {
        int[] positions = new int[to - from];
        Arrays.setAll(positions, i -> from + i);
        return positions;
    }

    /** Stores {@code length} positions, a chunk at a time; answers the seconds of the last chunks. */
    private double fill(AttentionShape shape, KvBuffer cache, int length) {
        Buffer keys = random(CHUNK, shape.kvHeads() * shape.headDim());
        Buffer values = random(CHUNK, shape.kvHeads() * shape.headDim());
        double seconds = Double.POSITIVE_INFINITY;
        for (int from = 0; from < length; from += CHUNK) {
            int to = Math.min(length, from + CHUNK);
            long start = CLOCK.getCurrentThreadCpuTime();
            backend.kernels()
                    .store(
                            keys.view(to - from),
                            values.view(to - from),
                            positions(from, to),
                            new int[to - from],
                            new KvBuffer[] {cache});
            seconds = Math.min(seconds, (CLOCK.getCurrentThreadCpuTime() - start) / 1e9 * CHUNK / (to - from));
        }
        return seconds;
    }

    private void prompt(AttentionShape shape, KvPrecision precision, int length) {
        KvBuffer[] caches = {backend.allocateKv(length, shape.kvHeads(), shape.headDim(), precision)};
        double stored = Double.POSITIVE_INFINITY;
        for (int i = 0; i < 40; i++) {
            stored = Math.min(stored, fill(shape, caches[0], length));
        }
        Buffer keys = random(CHUNK, shape.kvHeads() * shape.headDim());
        Buffer values = random(CHUNK, shape.kvHeads() * shape.headDim());
        Buffer queries = random(CHUNK, shape.heads() * shape.headDim());
        Buffer out = backend.allocate(CHUNK, shape.heads() * shape.headDim());
        double[] rates = new double[runs];
        double[] limits = new double[runs];
        for (int run = -3; run < runs; run++) {
            long nanoseconds = 0;
            int times = 4;
            for (int i = 0; i < times; i++) {
                for (int from = 0; from < length; from += CHUNK) {
                    int[] positions = positions(from, from + CHUNK);
                    backend.kernels().store(keys, values, positions, new int[CHUNK], caches);
                    long start = CLOCK.getCurrentThreadCpuTime();
                    backend.kernels().attend(queries, shape, positions, new int[CHUNK], caches, out);
                    nanoseconds += CLOCK.getCurrentThreadCpuTime() - start;
                }
            }
            double seconds = nanoseconds / 1e9;
            double products = 2.0 * times * shape.heads() * shape.headDim() * length * (length + 1.0) / 2;
            if (run >= 0) {
                rates[run] = 2 * products / seconds;
                limits[run] = roofline.floatsPerSecond(1);
            }
        }
        double rate = Spread.of(rates).median();
        double limit = Spread.of(limits).median();
        System.out.printf(
                Locale.ROOT,
                "  prompt of %d: %.1f of %.1f GFLOP/s, %.0f %%; storing a token %.2f us%n",
                length,
                rate / 1e9,
                limit / 1e9,
                100 * rate / limit,
                1e6 * stored / CHUNK);
    }

    private void decode(AttentionShape shape, KvPrecision precision, int context) {
        KvBuffer first = backend.allocateKv(context, shape.kvHeads(), shape.headDim(), precision);
        long bytes = 2L * shape.kvHeads() * precision.bytesRead(0, context - 1, shape.headDim());
        int layers = (int) Math.max(1, (MEGABYTES * 1_000_000L + bytes - 1) / bytes);
        KvBuffer[][] caches = new KvBuffer[layers][1];
        caches[0][0] = first;
        fill(shape, first, context);
        for (int layer = 1; layer < layers; layer++) {
            caches[layer][0] = backend.allocateKv(context, shape.kvHeads(), shape.headDim(), precision);
            backend.copyKv(first, caches[layer][0], context);
        }
        Buffer query = random(1, shape.heads() * shape.headDim());
        Buffer out = backend.allocate(1, shape.heads() * shape.headDim());
        double[] rates = new double[runs];
        double[] limits = new double[runs];
        for (int run = -2; run < runs; run++) {
            long start = CLOCK.getCurrentThreadCpuTime();
            for (KvBuffer[] cache : caches) {
                backend.kernels().attend(query, shape, new int[] {context - 1}, new int[1], cache, out);
            }
            double seconds = (CLOCK.getCurrentThreadCpuTime() - start) / 1e9;
            if (run >= 0) {
                rates[run] = layers * bytes / seconds;
                limits[run] = roofline.readBytesPerSecond(1);
            }
        }
        double rate = Spread.of(rates).median();
        double limit = Spread.of(limits).median();
        System.out.printf(
                Locale.ROOT,
                "  decode at %d: %.0f us a layer, %.1f of %.1f GB/s, %.0f %%%n",
                context,
                1e6 * bytes / rate,
                rate / 1e9,
                limit / 1e9,
                100 * rate / limit);
    }
}
