package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.Checkpoints;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every stage on the references' own inputs to it: bit for bit. And ours end to end: near. */
class GoldenStagesTest {
    private static final double MEAN = 1e-6;
    private static final double LOSS = 2e-3;
    private static final double SCALE = 1e-5;

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128",
        "llama_tiny, llmawq_w3g128",
        "opt_tiny, llmawq_w4g128",
        "opt_tiny, llmawq_w3g128"
    })
    void recipeOfTheReferenceGivesItsBits(String model, String file) {
        GoldenSearch search = GoldenSearch.read(model, file);
        try (var golden = new GoldenModel(model)) {
            var method = new FromRecipe("awq", search::recipe);
            int compared = 0;
            for (BlockSpec spec : golden.spec.blocks()) {
                var block = method.quantize(
                        spec, golden.weights(spec), new Quantizer(search.scheme(), DType.F32, DType.F32));
                for (var entry : block.changed().entrySet()) {
                    Golden.assertEqual(entry.getValue(), search.tensor("folded." + entry.getKey()), entry.getKey());
                    compared++;
                }
                for (Weight weight : block.linears().values()) {
                    String name = "q." + weight.name();
                    Golden.assertEqual(QuantizerTest.scales(weight), search.tensor(name + ".scales"), name + ".scales");
                    Golden.assertEqual(
                            floats(QuantizerTest.zeros(weight)), search.tensor(name + ".zeros"), name + ".zeros");
                    if (search.tensors().containsKey(name + ".codes_nibbles")) {
                        Golden.assertEqual(floats(nibbles(weight)), search.tensor(name + ".codes_nibbles"), name);
                        compared++;
                    }
                }
            }
            assertThat(compared).isGreaterThan(10);
        }
    }

    /** AutoAWQ rounds to float16 what it has folded and clipped, and quantizes that in float16. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void recipeOfAutoAwqGivesItsCheckpoint(String model) {
        GoldenSearch search = GoldenSearch.read(model, "autoawq_duo_w4g128");
        try (var golden = new GoldenModel(model);
                var written = Checkpoints.open(Golden.path("quantization/" + model + "/autoawq_gemm_ckpt"))) {
            var inHalf = new Quantizer(search.scheme(), DType.F16, DType.F16);
            for (BlockSpec spec : golden.spec.blocks()) {
                BlockWeights weights = golden.weights(spec);
                BlockRecipe recipe = search.recipe(spec);
                for (int i = 0; i < spec.scaleGroups().size(); i++) {
                    Folding.fold(
                            spec.scaleGroups().get(i), recipe.scales().get(i).scale(), weights, new HashSet<>());
                }
                for (Linear linear : spec.linears()) {
                    float[] values = weights.values(linear.name());
                    float[] clip = recipe.clips().get(linear.name());
                    if (clip != null) {
                        for (int i = 0; i < values.length; i++) {
                            float largest = clip[i / search.scheme().groupSizeFor(linear.columns())];
                            values[i] = Math.clamp(values[i], -largest, largest);
                        }
                    }
                    for (int i = 0; i < values.length; i++) {
                        values[i] = FloatFormats.roundToF16(values[i]);
                    }
                    Weight ours = inHalf.quantize(linear.name(), linear.rows(), linear.columns(), values, null);
                    Weight theirs = written.linear(linear.name());
                    Golden.assertEqual(QuantizerTest.scales(ours), QuantizerTest.scales(theirs), linear.name());
                    assertThat(QuantizerTest.zeros(ours)).as(linear.name()).isEqualTo(QuantizerTest.zeros(theirs));
                    assertThat(nibbles(ours)).as(linear.name()).isEqualTo(nibbles(theirs));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128",
        "llama_tiny, llmawq_w3g128",
        "llama_tiny, autoawq_duo_w4g128",
        "opt_tiny, llmawq_w4g128",
        "opt_tiny, llmawq_w3g128",
        "opt_tiny, autoawq_duo_w4g128"
    })
    void searchOfScalesFindsTheReferences(String model, String file) {
        GoldenSearch search = GoldenSearch.read(model, file);
        GoldenSearch.Ours ours = search.ours();
        assertThat(ours.found()).hasSameSizeAs(search.groups());
        for (GoldenSearch.Group group : search.groups()) {
            int i = group.index();
            boolean duo = search.scaling() == Scaling.DUO;
            String key = "scale." + i + ".";
            assertNear(
                    ours.meanAbs().get(i), search.tensor(key + (duo ? "x_mean" : "x_mean_abs")), MEAN, key + "x_mean");
            if (duo) {
                assertNear(ours.meanWeight().get(i), search.tensor(key + "w_mean"), MEAN, key + "w_mean");
            }
            ScaleSearch.Found found = ours.found().get(i);
            for (int step = 0; step < group.losses().length; step++) {
                assertThat(found.losses()[step])
                        .as("loss %d of group %d", step, i)
                        .isCloseTo(group.losses()[step], within(LOSS * group.losses()[step]));
            }
            assertRatio(found, group);
            if (found.ratio() == group.ratio()) {
                assertNear(found.scale(), search.tensor(key + "scales"), SCALE, key + "scales");
            }
        }
    }

    /** AutoAWQ without duo scaling is llm-awq; what it found is checked against the same search of ours. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void plainSearchFindsAutoAwqsRatios(String model) {
        GoldenSearch search = GoldenSearch.read(model, "autoawq_noduo_w4g128");
        GoldenSearch.Ours ours = GoldenSearch.read(model, "llmawq_w4g128").ours();
        search.groups().forEach(group -> assertRatio(ours.found().get(group.index()), group));
    }

    /** The same ratio; or the runner-up, if the reference's is as good to the third digit. */
    private static void assertRatio(ScaleSearch.Found found, GoldenSearch.Group group) {
        if (found.ratio() != group.ratio()) {
            double best = java.util.Arrays.stream(found.losses()).min().orElseThrow();
            double golden = found.losses()[(int) Math.round(group.ratio() * 20)];
            assertThat(golden)
                    .as("group %d: ratio %s instead of %s", group.index(), found.ratio(), group.ratio())
                    .isLessThan(best * (1 + 1e-3));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128",
        "llama_tiny, llmawq_w3g128",
        "llama_tiny, autoawq_duo_w4g128",
        "opt_tiny, llmawq_w4g128",
        "opt_tiny, llmawq_w3g128",
        "opt_tiny, autoawq_duo_w4g128"
    })
    void searchOfClipsFindsMostOfTheReferences(String model, String file) {
        GoldenSearch search = GoldenSearch.read(model, file);
        var clips = search.ours().clips();
        var expected = search.tensors().keySet().stream()
                .filter(name -> name.startsWith("clip."))
                .map(name -> name.substring("clip.".length()))
                .toList();
        assertThat(clips.keySet()).containsExactlyInAnyOrderElementsOf(expected);
        clips.forEach((name, ours) -> {
            float[] golden = search.tensor("clip." + name);
            int equal = 0;
            for (int i = 0; i < golden.length; i++) {
                equal += Math.abs(ours.largest()[i] - golden[i]) <= 1e-4 * golden[i] ? 1 : 0;
            }
            assertThat((double) equal / golden.length).as(name).isGreaterThanOrEqualTo(0.9);
            double error = mean(search.tensor("clip_err." + name));
            assertThat(mean(ours.errors())).as(name).isCloseTo(error, within(0.02 * error));
        });
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128",
        "llama_tiny, llmawq_w3g128",
        "opt_tiny, llmawq_w4g128",
        "opt_tiny, llmawq_w3g128"
    })
    void codesAreMostlyTheReferences(String model, String file) {
        GoldenSearch search = GoldenSearch.read(model, file);
        long equal = 0;
        long all = 0;
        for (QuantizedBlock block : search.ours().blocks()) {
            for (Weight weight : block.linears().values()) {
                float[] golden = search.tensors().get("q." + weight.name() + ".codes_nibbles");
                byte[] ours = nibbles(weight);
                for (int i = 0; golden != null && i < golden.length; i++) {
                    int expected = (int) golden[i];
                    equal += (expected & 15) == (ours[i] & 15) ? 1 : 0;
                    equal += expected >> 4 == (ours[i] >> 4 & 15) ? 1 : 0;
                    all += 2;
                }
            }
        }
        assertThat((double) equal / all).isGreaterThanOrEqualTo(0.95);
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128, ppl_llmawq.json",
        "llama_tiny, llmawq_w3g128, ppl_llmawq.json",
        "llama_tiny, autoawq_duo_w4g128, ppl_autoawq.json",
        "opt_tiny, llmawq_w4g128, ppl_llmawq.json",
        "opt_tiny, llmawq_w3g128, ppl_llmawq.json",
        "opt_tiny, autoawq_duo_w4g128, ppl_autoawq.json"
    })
    void perplexityIsTheReferences(String model, String file, String listed) {
        try (var golden = new GoldenModel(model)) {
            double expected = listed.equals("ppl_autoawq.json")
                    ? golden.listed(listed, file)
                    : golden.listed(listed, "ppl", file);
            assertThat(GoldenSearch.read(model, file).ours().perplexity()).isCloseTo(expected, within(0.01 * expected));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, 0, fp32",
        "llama_tiny, 8, rtn_w8g128_asym",
        "llama_tiny, 4, rtn_w4g128_asym",
        "llama_tiny, 3, rtn_w3g128_asym",
        "opt_tiny, 0, fp32",
        "opt_tiny, 8, rtn_w8g128_asym",
        "opt_tiny, 4, rtn_w4g128_asym",
        "opt_tiny, 3, rtn_w3g128_asym"
    })
    void perplexityOfPlainRoundingIsTheReferences(String model, int bits, String listed) {
        try (var golden = new GoldenModel(model)) {
            var blocks = new ArrayList<QuantizedBlock>();
            for (BlockSpec spec : bits == 0 ? List.<BlockSpec>of() : golden.spec.blocks()) {
                var quantizer = new Quantizer(
                        new QuantScheme(bits, 128, false, QuantScheme.Range.REFERENCE), DType.F32, DType.F32);
                blocks.add(new FromRecipe("rtn", each -> BlockRecipe.plain(each.index()))
                        .quantize(spec, golden.weights(spec), quantizer));
            }
            double expected = golden.listed("ppl_llmawq.json", "ppl", listed);
            assertThat(golden.perplexity(blocks)).isCloseTo(expected, within(1e-3 * expected));
        }
    }

    private static void assertNear(float[] found, float[] expected, double relative, String what) {
        assertThat(found.length).as(what).isEqualTo(expected.length);
        // a value that is almost always 0 is a difference of sums, known to a unit of these and not of itself
        double floor = 0x1p-24 * mean(expected);
        for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i])
                    .as("%s at %d", what, i)
                    .isCloseTo(expected[i], within(relative * Math.abs(expected[i]) + floor));
        }
    }

    private static double mean(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    /** Codes as the references store them here, whatever their width up to 4: two a byte, even column low. */
    private static byte[] nibbles(Weight weight) {
        assertThat(((Grouped) weight.layout()).storageBits()).isEqualTo(4);
        return weight.values().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    private static float[] floats(byte[] bytes) {
        float[] values = new float[bytes.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = bytes[i] & 0xff;
        }
        return values;
    }
}
