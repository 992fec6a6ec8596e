package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoints;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.model.BlockSpec;
import awq4j.model.Parameters;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Logits of models that the references quantized in memory, see golden/quantization/README.md. */
class GoldenLogitsTest {
    private static final int TOKENS = 16;

    /** What summing in another order changes. */
    private static final float SUMS = 2e-4f;

    /** AutoAWQ rounds each weight to float16 once more; its logits differ from those of its own checkpoint by 0.016. */
    private static final float HALVES = 0.02f;

    /** Of the damage, squared, that GPTQ does: its solution in another order of sums has one code in a hundred different. */
    private static final double OTHER_CODES = 0.1;

    @ParameterizedTest
    @CsvSource({"llama_tiny, 4", "llama_tiny, 3", "opt_tiny, 4", "opt_tiny, 3"})
    void plainRoundingGivesTheReferences(String model, int bits) {
        var scheme = new QuantScheme(bits, 128, false, Range.REFERENCE);
        assertClose(
                model,
                "logits_rtn_w" + bits + "g128",
                SUMS,
                golden ->
                        golden.logits(blocks(golden, scheme, "rtn", spec -> BlockRecipe.plain(spec.index())), TOKENS));
    }

    /** On the scales and clips that the references found. */
    @ParameterizedTest
    @CsvSource({
        "llama_tiny, llmawq_w4g128",
        "llama_tiny, llmawq_w3g128",
        "opt_tiny, llmawq_w4g128",
        "opt_tiny, llmawq_w3g128"
    })
    void foundScalesAndClipsGiveTheReferences(String model, String file) {
        GoldenSearch search = GoldenSearch.read(model, file);
        assertClose(
                model,
                "logits_" + file,
                SUMS,
                golden -> golden.logits(blocks(golden, search.scheme(), "awq", search::recipe), TOKENS));
    }

    /** What AutoAWQ had in memory, and what it wrote: the same codes, but weights and norms rounded in other places. */
    @ParameterizedTest
    @CsvSource({"llama_tiny", "opt_tiny"})
    void checkpointOfAutoAwqIsWhatItHadInMemory(String model) {
        try (var written = Checkpoints.open(Golden.path("quantization/" + model + "/autoawq_gemm_ckpt"))) {
            assertClose(
                    model,
                    "logits_autoawq_duo_w4g128",
                    HALVES,
                    golden -> golden.logits(Parameters.of(written), TOKENS));
        }
    }

    @ParameterizedTest
    @CsvSource({"llama_tiny", "opt_tiny"})
    void ourSolutionIsTheReferencesButForAFewCodes(String model) {
        var scheme = new QuantScheme(4, 128, false, Range.INCLUDE_ZERO);
        try (var golden = new GoldenModel(model)) {
            float[] plain = golden.logits(List.of(), TOKENS);
            float[] expected = logits(model, "logits_gptq_w4g128");
            var settings = new Gptq.Settings(0.01, false, false, 1);
            float[] found = golden.logits(GoldenGptqTest.solved(golden, scheme, settings, null), TOKENS);
            assertThat(squares(found, expected)).isLessThan(OTHER_CODES * squares(plain, expected));
        }
    }

    private static List<QuantizedBlock> blocks(
            GoldenModel golden, QuantScheme scheme, String method, Function<BlockSpec, BlockRecipe> recipe) {
        var quantizer = new Quantizer(scheme, DType.F32, DType.F32);
        var all = new FromRecipe(method, recipe);
        return golden.spec.blocks().stream()
                .map(spec -> all.quantize(spec, golden.weights(spec), quantizer))
                .toList();
    }

    private static void assertClose(String model, String file, float tolerance, Function<GoldenModel, float[]> logits) {
        try (var golden = new GoldenModel(model)) {
            float[] expected = logits(model, file);
            float[] found = logits.apply(golden);
            assertThat(found).hasSameSizeAs(expected);
            float largest = 0;
            for (int i = 0; i < found.length; i++) {
                float difference = Math.abs(found[i] - expected[i]);
                if (!(difference <= largest)) { // NaN is the largest
                    largest = difference;
                }
            }
            assertThat(largest).isLessThan(tolerance);
        }
    }

    private static double squares(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum;
    }

    private static float[] logits(String model, String file) {
        try (var open = SafetensorsFile.open(Golden.path("quantization/" + model + "/" + file + ".safetensors"))) {
            return open.tensor("logits").toFloats();
        }
    }
}
