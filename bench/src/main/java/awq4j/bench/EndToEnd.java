package awq4j.bench;

import awq4j.cache.SequenceCache;
import awq4j.eval.speed.Spread;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Pattern;

/**
 * Prefill and decode tokens a second of a model of TinyLlama's shape, beside what the machine could do at the same
 * moment: decode against the bandwidth of plain reads, prefill against multiply-adds in registers.
 *
 * <p>On a machine that others use too, wall time says little: so every figure is the median of several runs, and stands
 * also by the processor time that this process took, which is what it would get on a machine of its own.
 */
public final class EndToEnd {
    private static final int CHUNK = Transformer.DEFAULT_CHUNK;

    private final Roofline roofline = new Roofline();
    private final Map<String, String> options;
    private final RandomLlama checkpoint;
    private final int layers;

    private EndToEnd(Map<String, String> options) {
        this.options = options;
        this.layers = number("layers", 22);
        this.checkpoint = new RandomLlama(layers);
    }

    /**
     * Runs it.
     *
     * @param arguments {@code name=value}: layers (22), prefill (512 tokens), decode (128 tokens), runs (5), threads
     *     (1,2), kernels (scalar,vector)
     */
    public static void main(String[] arguments) {
        var options = new HashMap<String, String>();
        for (String argument : arguments) {
            int sign = argument.indexOf('=');
            if (sign < 1) {
                throw new IllegalArgumentException("expected name=value, found " + argument);
            }
            options.put(argument.substring(0, sign), argument.substring(sign + 1));
        }
        new EndToEnd(options).run();
    }

    private int number(String name, int otherwise) {
        return Integer.parseInt(options.getOrDefault(name, String.valueOf(otherwise)));
    }

    private List<String> list(String name, String otherwise) {
        return Pattern.compile(",")
                .splitAsStream(options.getOrDefault(name, otherwise))
                .toList();
    }

    private void run() {
        System.out.printf(
                Locale.ROOT,
                "Java %s, %d layers of TinyLlama-1.1B's shape, int4 g128, head F16%n",
                Runtime.version(),
                layers);
        for (String kernels : list("kernels", "vector,scalar")) {
            for (String threads : list("threads", "1,2")) {
                Arithmetic arithmetic = Arithmetic.valueOf(kernels.toUpperCase(Locale.ROOT));
                Precision precision = Precision.valueOf(
                        options.getOrDefault("precision", "w4a16").toUpperCase(Locale.ROOT));
                try (var backend = CpuBackend.open(new CpuOptions(arithmetic, precision, Integer.parseInt(threads)))) {
                    measure(backend);
                }
            }
        }
    }

    private void measure(CpuBackend backend) {
        long start = System.nanoTime();
        Transformer model = Transformer.open(backend, Families.spec(checkpoint), checkpoint, CHUNK);
        System.out.printf(
                Locale.ROOT,
                "%n%s: placed in %.1f s, %.0f MB a token%n",
                backend.name(),
                (System.nanoTime() - start) / 1e9,
                model.bytesPerToken() / 1e6);
        int runs = number("runs", 5);
        int prompt = number("prefill", 512);
        int reply = number("decode", 128);
        var prefill = new Series(runs);
        var decode = new Series(runs);
        double[] reads = new double[runs];
        double[] floats = new double[runs];
        decode(model, 24);
        prefill(model, Math.min(prompt, CHUNK));
        for (int run = 0; run < runs; run++) {
            reads[run] = roofline.readBytesPerSecond(backend.threads());
            decode.add(run, reply, () -> decode(model, reply));
            floats[run] = roofline.floatsPerSecond(backend.threads());
            prefill.add(run, prompt, () -> prefill(model, prompt));
        }
        double decoded = decode.processor(backend.threads()) * model.bytesPerToken();
        double computed = prefill.processor(backend.threads()) * 2 * RandomLlama.packedWeights(layers);
        report(
                "decode",
                reply,
                decode,
                backend.threads(),
                "GB/s",
                decoded,
                Spread.of(reads).median());
        report(
                "prefill",
                prompt,
                prefill,
                backend.threads(),
                "GFLOP/s",
                computed,
                Spread.of(floats).median());
    }

    private static void report(
            String what, int tokens, Series series, int threads, String unit, double reached, double limit) {
        System.out.printf(
                Locale.ROOT,
                "  %-7s %4d tokens: %7.2f tokens/s by the clock, %7.2f by processor time: %.1f of %.1f %s, %.0f %%%n",
                what,
                tokens,
                series.wall(),
                series.processor(threads),
                reached / 1e9,
                limit / 1e9,
                unit,
                100 * reached / limit);
    }

    /** From an empty cache, one token at a time. */
    private static void decode(Transformer model, int count) {
        List<SequenceCache> caches = List.of(model.newSequence(KvPrecision.F16, count));
        for (int i = 0; i < count; i++) {
            model.forward(StepBatch.of(new int[] {i * 7919 % 32000}, i, Logits.LAST), caches, Taps.NONE);
        }
    }

    private static void prefill(Transformer model, int count) {
        List<SequenceCache> caches = List.of(model.newSequence(KvPrecision.F16, count));
        int[] tokens = new SplittableRandom(3).ints(count, 0, 32000).toArray();
        for (int from = 0; from < count; from += CHUNK) {
            int to = Math.min(count, from + CHUNK);
            var logits = to == count ? Logits.LAST : Logits.NONE;
            model.forward(StepBatch.of(Arrays.copyOfRange(tokens, from, to), from, logits), caches, Taps.NONE);
        }
    }

    /** Tokens a second of several runs, by the clock and by the processor time of this process. */
    private static final class Series {
        private final double[] wall;
        private final double[] processor;

        Series(int runs) {
            wall = new double[runs];
            processor = new double[runs];
        }

        void add(int run, int tokens, Runnable work) {
            long start = System.nanoTime();
            long before = processorNanos();
            work.run();
            wall[run] = tokens * 1e9 / (System.nanoTime() - start);
            processor[run] = tokens * 1e9 / (processorNanos() - before);
        }

        double wall() {
            return Spread.of(wall).median();
        }

        /** What {@code threads} undisturbed cores would give. */
        double processor(int threads) {
            return threads * Spread.of(processor).median();
        }

        private static long processorNanos() {
            return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                    .getProcessCpuTime();
        }
    }
}
