package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.StepBatch.Logits;
import awq4j.model.family.Families;
import awq4j.testing.RandomMixtures;
import awq4j.testing.RandomMixtures.Sizes;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mixtures of experts against their definition in double precision, in models with layers without experts. */
class ExpertPassTest {
    private static final Sizes SIZES = new Sizes(48, 24, 40, 56, 8, 3, 6, 2, List.of(3));
    private static final int TOKENS = 21;

    @TempDir
    private Path folder;

    /** What a run showed: values by tap, and which tokens each expert got, by {@code block/expert}. */
    private record Seen(Map<String, float[]> values, Map<String, int[]> routed, float[] logits) {}

    private Seen run(CpuOptions options, boolean everyExpert) {
        Path model = folder.resolve("model");
        if (!model.toFile().exists()) {
            RandomMixtures.qwen2(model, SIZES, 4);
        }
        try (Checkpoint checkpoint = Checkpoints.open(model);
                Backend backend = CpuBackend.open(options)) {
            var transformer = Transformer.open(backend, Families.spec(checkpoint), checkpoint, 64);
            int[] tokens =
                    new Random(2).ints(TOKENS, 0, RandomMixtures.VOCABULARY).toArray();
            var values = new LinkedHashMap<String, float[]>();
            var routed = new LinkedHashMap<String, int[]>();
            var taps = new Taps() {
                @Override
                public void at(String point, Buffer value) {
                    values.put(point, read(backend, value));
                }

                @Override
                public void routed(int block, int expert, int[] rows, int from, int to) {
                    routed.put(block + "/" + expert, Arrays.copyOfRange(rows, from, to));
                }

                @Override
                public boolean everyExpert() {
                    return everyExpert;
                }
            };
            Buffer logits = transformer.forward(
                    StepBatch.of(tokens, 0, Logits.ALL),
                    List.of(transformer.newSequence(KvPrecision.F32, TOKENS)),
                    taps);
            return new Seen(values, routed, read(backend, Objects.requireNonNull(logits)));
        }
    }

    private static float[] read(Backend backend, Buffer value) {
        float[] copy = new float[value.rows() * value.columns()];
        backend.read(value, copy);
        return copy;
    }

    @Test
    void sumIsTheDefinitions() {
        Seen seen = run(new CpuOptions(Arithmetic.AUTO, 2), false);
        try (Checkpoint checkpoint = Checkpoints.open(folder.resolve("model"))) {
            for (int layer = 0; layer < SIZES.layers(); layer++) {
                String prefix = "model.layers." + layer + ".mlp.";
                boolean sparse = SIZES.sparse(layer);
                float[] inputs = seen.values.get(prefix + (sparse ? "gate" : "gate_proj") + ".input");
                float[] outputs = seen.values.get("layer." + layer + ".mlp");
                for (int t = 0; t < TOKENS; t++) {
                    float[] x = Arrays.copyOfRange(inputs, t * SIZES.hidden(), (t + 1) * SIZES.hidden());
                    double[] expected =
                            sparse ? mixture(checkpoint, prefix, x) : gated(checkpoint, prefix, SIZES.dense(), x);
                    for (int i = 0; i < expected.length; i++) {
                        assertThat((double) outputs[t * expected.length + i])
                                .as("layer %d, token %d, %d", layer, t, i)
                                .isCloseTo(expected[i], within(2e-5));
                    }
                }
            }
        }
    }

    private static double[] mixture(Checkpoint checkpoint, String prefix, float[] x) {
        double[] shares = product(checkpoint, prefix + "gate", SIZES.experts(), x);
        for (int e = 0; e < shares.length; e++) {
            shares[e] = Math.exp(shares[e]);
        }
        double all = Arrays.stream(shares).sum();
        double[] sum = gated(checkpoint, prefix + "shared_expert.", SIZES.shared(), x);
        double gate = product(checkpoint, prefix + "shared_expert_gate", 1, x)[0];
        Arrays.setAll(sum, i -> sum[i] / (1 + Math.exp(-gate)));
        IntStream.range(0, shares.length)
                .boxed()
                .sorted(Comparator.comparingDouble(e -> -shares[e]))
                .limit(SIZES.chosen())
                .forEach(e -> {
                    double[] own = gated(checkpoint, prefix + "experts." + e + ".", SIZES.width(), x);
                    Arrays.setAll(sum, i -> sum[i] + own[i] * shares[e] / all);
                });
        return sum;
    }

    private static double[] gated(Checkpoint checkpoint, String prefix, int width, float[] x) {
        double[] gate = product(checkpoint, prefix + "gate_proj", width, x);
        double[] up = product(checkpoint, prefix + "up_proj", width, x);
        double[] inner = new double[width];
        Arrays.setAll(inner, i -> gate[i] / (1 + Math.exp(-gate[i])) * up[i]);
        float[] down = checkpoint.tensor(prefix + "down_proj.weight").toFloats();
        double[] out = new double[SIZES.hidden()];
        for (int r = 0; r < out.length; r++) {
            for (int c = 0; c < width; c++) {
                out[r] += down[r * width + c] * inner[c];
            }
        }
        return out;
    }

    private static double[] product(Checkpoint checkpoint, String name, int rows, float[] x) {
        float[] matrix = checkpoint.tensor(name + ".weight").toFloats();
        double[] out = new double[rows];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < x.length; c++) {
                out[r] += (double) matrix[r * x.length + c] * x[c];
            }
        }
        return out;
    }

    @Test
    void threadsDoNotChangeABit() {
        Seen one = run(new CpuOptions(Arithmetic.AUTO, 1), false);
        for (int threads : new int[] {2, 3, 5}) {
            assertThat(run(new CpuOptions(Arithmetic.AUTO, threads), false).logits)
                    .containsExactly(one.logits);
        }
    }

    @Test
    void expertsSeeTheRowsThatAreTold() {
        Seen seen = run(new CpuOptions(Arithmetic.AUTO, 2), false);
        int sum = 0;
        for (var entry : seen.routed.entrySet()) {
            String[] at = entry.getKey().split("/", -1);
            String prefix = "model.layers." + at[0] + ".mlp.";
            float[] all = seen.values.get(prefix + "gate.input");
            float[] own = seen.values.get(prefix + "experts." + at[1] + ".up_proj.input");
            int[] rows = entry.getValue();
            assertThat(own).hasSize(rows.length * SIZES.hidden());
            for (int i = 0; i < own.length; i++) {
                assertThat(own[i]).isEqualTo(all[rows[i / SIZES.hidden()] * SIZES.hidden() + i % SIZES.hidden()]);
            }
            sum += rows.length;
        }
        assertThat(sum).isEqualTo(2 * TOKENS * SIZES.chosen()); // layers 1 and 5
    }

    @Test
    void everyExpertMayBeSeenWithEveryTokenAndTheResultStays() {
        Seen some = run(new CpuOptions(Arithmetic.AUTO, 2), false);
        Seen every = run(new CpuOptions(Arithmetic.AUTO, 2), true);
        assertThat(every.routed).isEmpty();
        for (int e = 0; e < SIZES.experts(); e++) {
            String expert = "model.layers.1.mlp.experts." + e + ".";
            assertThat(every.values.get(expert + "gate_proj.input"))
                    .containsExactly(every.values.get("model.layers.1.mlp.gate.input"));
            assertThat(every.values.get(expert + "down_proj.input")).hasSize(TOKENS * SIZES.width());
        }
        for (int i = 0; i < some.logits.length; i++) {
            assertThat(every.logits[i]).isCloseTo(some.logits[i], within(1e-4f));
        }
    }
}
