package awq4j.bench;

import awq4j.cache.SequenceCache;
import awq4j.eval.speed.ModelShape;
import awq4j.eval.speed.RandomCheckpoint;
import awq4j.eval.speed.WeightKind;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.Parameters;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.AdaptiveModel;
import awq4j.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * What it costs that a model adapts: tokens of a prompt and of a reply with and without a look at them, one after the other
 * in one run, and the search of all scales and clips. Prints medians, in milliseconds.
 *
 * <p>Arguments: a shape by name or a config.json, and how often everything is measured. Weights are random.
 */
public final class AdaptiveSpeed {
    private static final int PROMPT = 512;
    private static final int REPLY = 64;

    private final Transformer transformer;
    private final AdaptiveModel model;
    private final int[] tokens;

    private AdaptiveSpeed(Backend backend, RandomCheckpoint checkpoint, int every, int[] tokens) {
        transformer = Transformer.open(backend, Families.spec(checkpoint), checkpoint, PROMPT);
        var settings = AdaptiveModel.Settings.DEFAULT.withEvery(every).withThreshold(0);
        model = new AdaptiveModel(transformer, Parameters.of(checkpoint), settings);
        model.calibrate(new int[][] {tokens});
        model.start();
        this.tokens = tokens;
    }

    /** Measures, and prints. */
    public static void main(String[] arguments) {
        ModelShape shape = ModelShape.of(arguments[0]);
        int rounds = Integer.parseInt(arguments[1]);
        try (Backend backend = CpuBackend.open(CpuOptions.FASTEST);
                var checkpoint = new RandomCheckpoint(shape, new WeightKind.Plain(DType.F16))) {
            var random = new SplittableRandom(1);
            int[] tokens = random.ints(PROMPT, 0, shape.spec().vocabulary()).toArray();
            var some = new AdaptiveSpeed(backend, checkpoint, AdaptiveModel.Settings.DEFAULT.every(), tokens);
            var all = new AdaptiveSpeed(backend, checkpoint, 1, tokens);
            Map<String, List<Double>> times = new LinkedHashMap<>();
            for (int round = -1; round < rounds; round++) { // the first warms up
                var kept = round < 0 ? new LinkedHashMap<String, List<Double>>() : times;
                some.measure("not watched", false, kept);
                some.measure("watched, 1 in " + AdaptiveModel.Settings.DEFAULT.every(), true, kept);
                all.measure("watched, all", true, kept);
                long start = System.nanoTime();
                int inputs = some.model.adapt().size();
                add(kept, "search and rounding of " + inputs + " inputs", start, 1);
                all.model.adapt();
            }
            System.out.println(backend.name() + ", " + shape.name());
            times.forEach((what, values) -> System.out.printf(
                    Locale.ROOT,
                    "%-40s %10.3f ms (%.3f to %.3f)%n",
                    what,
                    at(values, 0.5),
                    at(values, 0),
                    at(values, 1)));
        }
    }

    private void measure(String how, boolean watching, Map<String, List<Double>> times) {
        model.watching(watching);
        SequenceCache cache = transformer.newSequence(KvPrecision.F16, PROMPT + REPLY);
        cache.expect(PROMPT + REPLY);
        long start = System.nanoTime();
        transformer.forward(StepBatch.of(tokens, 0, StepBatch.Logits.LAST), List.of(cache), Taps.NONE);
        add(times, "token of a prompt, " + how, start, PROMPT);
        start = System.nanoTime();
        for (int i = 0; i < REPLY; i++) {
            int[] one = {tokens[i]};
            transformer.forward(StepBatch.of(one, PROMPT + i, StepBatch.Logits.LAST), List.of(cache), Taps.NONE);
        }
        add(times, "token of a reply, " + how, start, REPLY);
    }

    private static void add(Map<String, List<Double>> times, String what, long start, int count) {
        times.computeIfAbsent(what, key -> new ArrayList<>()).add((System.nanoTime() - start) / 1e6 / count);
    }

    private static double at(List<Double> values, double share) {
        double[] sorted = values.stream().mapToDouble(value -> value).toArray();
        Arrays.sort(sorted);
        return sorted[(int) Math.round(share * (sorted.length - 1))];
    }
}
