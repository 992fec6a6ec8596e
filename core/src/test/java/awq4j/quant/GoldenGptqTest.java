package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** GPTQ against the reference implementation's results, see golden/quantization/README.md. */
class GoldenGptqTest {
    @Test
    void solutionOfTheReferenceIsOurs() {
        try (var file = SafetensorsFile.open(Golden.path("quantization/llama_tiny/gptq_solve.safetensors"));
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            float[] matrix = floats(file, "W");
            float[] expected = floats(file, "Q");
            float[] scales = floats(file, "scale");
            float[] zeros = floats(file, "zero");
            var scheme = new QuantScheme(4, 128, false, Range.INCLUDE_ZERO);
            var factor = Objects.requireNonNull(GptqFactor.of(floats(file, "H"), 256, null, 0.01, false));
            Weight weight = new GptqSolver(backend, new Quantizer(scheme, DType.F32, DType.F32), factor, false, false)
                    .solve("k_proj", 128, matrix);
            float[] ours = QuantizerTest.scales(weight);
            byte[] ourZeros = QuantizerTest.zeros(weight);
            for (int row = 0; row < 128; row++) {
                assertThat(ours[2 * row]).as("scale of row %d", row).isEqualTo(scales[2 * row]);
                assertThat((float) ourZeros[2 * row]).as("zero of row %d", row).isEqualTo(zeros[2 * row]);
                assertThat(ours[2 * row + 1])
                        .as("second scale of row %d", row)
                        .isCloseTo(scales[2 * row + 1], within(1e-4f * scales[2 * row + 1]));
            }
            float[] values = WeightCodec.decode(weight);
            int equal = 0;
            for (int i = 0; i < values.length; i++) {
                equal += Math.abs(values[i] - expected[i]) < 0.5f * scales[i / 128] ? 1 : 0;
            }
            assertThat((double) equal / values.length).isGreaterThanOrEqualTo(0.99);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, 4, 128, false, false, gptq_w4g128",
        "llama_tiny, 4, 128, true, false, gptq_w4g128_sym",
        "llama_tiny, 4, 128, false, true, gptq_w4g128_actorder_static",
        "llama_tiny, 4, 128, false, true, gptq_w4g128_actorder",
        "llama_tiny, 4, 128, false, false, gptq_w4g128_trueseq",
        "llama_tiny, 3, 128, false, false, gptq_w3g128",
        "llama_tiny, 4, 32, false, false, gptq_w4g32",
        "llama_tiny, 4, -1, false, false, gptq_w4perch",
        "opt_tiny, 4, 128, false, false, gptq_w4g128",
        "opt_tiny, 4, 128, true, false, gptq_w4g128_sym",
        "opt_tiny, 4, 128, false, true, gptq_w4g128_actorder_static",
        "opt_tiny, 4, 128, false, true, gptq_w4g128_actorder",
        "opt_tiny, 4, 128, false, false, gptq_w4g128_trueseq",
        "opt_tiny, 3, 128, false, false, gptq_w3g128",
        "opt_tiny, 4, 32, false, false, gptq_w4g32",
        "opt_tiny, 4, -1, false, false, gptq_w4perch"
    })
    void perplexityIsTheReferences(
            String model, int bits, int groupSize, boolean symmetric, boolean actOrder, String listed) {
        var scheme = new QuantScheme(bits, groupSize, symmetric, Range.INCLUDE_ZERO);
        try (var golden = new GoldenModel(model)) {
            double expected = golden.listed("ppl_gptq.json", "ppl", listed);
            var settings =
                    new Gptq.Settings(0.01, actOrder, listed.endsWith("_static"), listed.endsWith("_trueseq"), 1);
            assertThat(perplexity(golden, scheme, settings, null)).isCloseTo(expected, within(0.01 * expected));
        }
    }

    /** On the scales, and the scales and clips, that llm-awq found. */
    @ParameterizedTest
    @CsvSource({
        "llama_tiny, 4, false",
        "llama_tiny, 4, true",
        "llama_tiny, 3, false",
        "llama_tiny, 3, true",
        "opt_tiny, 4, false",
        "opt_tiny, 4, true",
        "opt_tiny, 3, false",
        "opt_tiny, 3, true"
    })
    void perplexityAfterAwqIsTheReferences(String model, int bits, boolean clip) {
        GoldenSearch search = GoldenSearch.read(model, "llmawq_w" + bits + "g128");
        var before = new FromRecipe("awq", spec -> {
            BlockRecipe recipe = search.recipe(spec);
            return clip ? recipe : new BlockRecipe(recipe.layer(), recipe.scales(), Map.of());
        });
        var scheme = new QuantScheme(bits, 128, false, Range.INCLUDE_ZERO);
        try (var golden = new GoldenModel(model)) {
            String listed = "awq_scale" + (clip ? "_clip" : "") + "+gptq_w" + bits + "g128";
            double expected = golden.listed("ppl_studies.json", listed);
            var settings = new Gptq.Settings(0.01, false, false, 1);
            assertThat(perplexity(golden, scheme, settings, before)).isCloseTo(expected, within(0.01 * expected));
        }
    }

    static double perplexity(
            GoldenModel golden, QuantScheme scheme, Gptq.Settings settings, @Nullable QuantMethod before) {
        return golden.perplexity(solved(golden, scheme, settings, before));
    }

    /** All blocks, each solved on what comes out of the solved ones before it. */
    static List<QuantizedBlock> solved(
            GoldenModel golden, QuantScheme scheme, Gptq.Settings settings, @Nullable QuantMethod before) {
        var runner = new BlockRunner(golden.backend, golden.spec);
        var gptq = Gptq.asReference(runner, settings, before);
        var blocks = new ArrayList<QuantizedBlock>();
        float[] hidden = golden.embedded();
        for (BlockSpec spec : golden.spec.blocks()) {
            BlockWeights weights = golden.weights(spec);
            var captured = runner.capture(spec, weights, hidden, golden.calibration.length, golden.length());
            QuantizedBlock block = gptq.quantize(spec, weights, captured.capture(), scheme);
            blocks.add(block);
            weights.take(block);
            hidden = runner.outputs(spec, weights, hidden, golden.calibration.length, golden.length());
        }
        return blocks;
    }

    private static float[] floats(SafetensorsFile file, String name) {
        return file.tensor("solve.k_proj." + name).data().toArray(ValueLayout.JAVA_FLOAT);
    }
}
