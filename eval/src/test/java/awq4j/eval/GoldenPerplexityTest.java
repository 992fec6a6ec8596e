package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.testing.Repository;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against perplexities that PyTorch measured on the same tokens, see golden/quantization/README.md. */
class GoldenPerplexityTest {
    private static final Path GOLDEN = Repository.root().resolve("core/src/test/resources/golden/quantization");
    private static final int WINDOW = 128;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"llama_tiny, 29.001", "opt_tiny, 43.996"})
    void plainModels(String name, double expected) {
        Perplexity.Result result = measure(name, "");
        assertThat(result.perplexity().value()).isCloseTo(expected, withinPercentage(0.1));
        assertThat(result.windows()).isEqualTo(24);
        assertThat(result.tokens()).isEqualTo(24 * 127);
    }

    @ParameterizedTest
    @CsvSource({
        "llama_tiny, autoawq_gemm_ckpt",
        "opt_tiny, autoawq_gemm_ckpt",
        "llama_tiny, gptq_v1_ckpt",
        "opt_tiny, gptq_v1_ckpt"
    })
    void checkpointsOfAutoAwqAndGptq(String name, String folder) {
        Config expected = Config.read(GOLDEN.resolve(name).resolve("ppl_ckpt.json"));
        Perplexity.Result result = measure(name, folder);
        assertThat(result.perplexity().value())
                .isCloseTo(expected.number(folder + "_fp32dequant"), withinPercentage(0.01));
    }

    /** What rounding activations may cost; a model's own 4-bit weights cost some percent here. */
    private static final double ROUNDING = 0.003;

    @ParameterizedTest
    @CsvSource({"llama_tiny, autoawq_gemm_ckpt", "opt_tiny, autoawq_gemm_ckpt", "llama_tiny, own", "opt_tiny, own"})
    void roundingActivationsCostsLittle(String name, String folder) {
        Path model =
                folder.equals("own") ? quantized(name) : GOLDEN.resolve(name).resolve(folder);
        double exact = measure(name, model, Precision.W4A16).perplexity().value();
        double rounded = measure(name, model, Precision.W4A8).perplexity().value();
        assertThat(Math.abs(rounded / exact - 1)).isLessThan(ROUNDING).isPositive();
    }

    /** Weights and activations in 8 bits; what rounding the activations costs, and both together. */
    @ParameterizedTest
    @CsvSource({"llama_tiny, 29.001", "opt_tiny, 43.996"})
    void smoothedModelsLoseLittleInEightBits(String name, double plain) {
        Path out = folder.resolve(name);
        CheckpointQuantizer.run(QuantizeSettings.of(
                GOLDEN.resolve(name),
                out,
                new QuantScheme(8, QuantScheme.WHOLE_ROW, true, QuantScheme.Range.REFERENCE),
                MethodChoice.smoothQuant(0.5),
                Calibration.ofTokens(rows(name, "calib_ids"))));
        double exact = measure(name, out, Precision.W4A16).perplexity().value();
        double rounded = measure(name, out, Precision.W8A8).perplexity().value();
        assertThat(rounded).as("activations were rounded").isNotEqualTo(exact);
        assertThat(Math.abs(rounded / exact - 1)).isLessThan(ROUNDING);
        assertThat(rounded).isCloseTo(plain, withinPercentage(1));
    }

    /** By our own search, calibrated on the model's calibration tokens. */
    private Path quantized(String name) {
        Path out = folder.resolve(name);
        CheckpointQuantizer.run(QuantizeSettings.of(
                GOLDEN.resolve(name),
                out,
                QuantScheme.INT4_G128,
                MethodChoice.awq(Awq.Settings.DEFAULT),
                Calibration.ofTokens(rows(name, "calib_ids"))));
        return out;
    }

    @Test
    void quantizingCostsDivergenceThatPerplexityConfirms() {
        int[] tokens = tokens("llama_tiny");
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                Checkpoint plain = Checkpoints.open(GOLDEN.resolve("llama_tiny"));
                Checkpoint quantized = Checkpoints.open(GOLDEN.resolve("llama_tiny/autoawq_gemm_ckpt"))) {
            Divergence.Result result = Divergence.measure(
                    predictor(backend, plain),
                    predictor(backend, quantized),
                    Windows.of(tokens, WINDOW),
                    Progress.NONE);
            // The text was sampled from A: its loss under B exceeds that under A by KL(A || B), but for sampling.
            double excess = result.b().loss().value() - result.a().loss().value();
            assertThat(result.divergence().value()).isCloseTo(excess, withinPercentage(30));
            assertThat(result.agreement().value()).isBetween(0.8, 0.999);
        }
    }

    @Test
    void aRealModelDoesNotDivergeFromItself() {
        int[] tokens = tokens("opt_tiny");
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                Checkpoint checkpoint = Checkpoints.open(GOLDEN.resolve("opt_tiny"))) {
            Divergence.Result result = Divergence.measure(
                    predictor(backend, checkpoint),
                    predictor(backend, checkpoint),
                    Windows.of(tokens, WINDOW).limit(4),
                    Progress.NONE);
            assertThat(result.divergence()).isEqualTo(new Estimate(0, 0));
            assertThat(result.agreement()).isEqualTo(new Estimate(1, 0));
        }
    }

    private static Perplexity.Result measure(String name, String folder) {
        return measure(name, GOLDEN.resolve(name).resolve(folder), Precision.W4A16);
    }

    private static Perplexity.Result measure(String name, Path model, Precision precision) {
        try (Backend backend = CpuBackend.open(new CpuOptions(CpuOptions.Arithmetic.AUTO, precision, 2));
                Checkpoint checkpoint = Checkpoints.open(model)) {
            return Perplexity.measure(predictor(backend, checkpoint), Windows.of(tokens(name), WINDOW), Progress.NONE);
        }
    }

    private static Predictor predictor(Backend backend, Checkpoint checkpoint) {
        return new TransformerPredictor(
                Transformer.open(backend, Families.spec(checkpoint), checkpoint, 100), KvPrecision.F32);
    }

    private static int[] tokens(String name) {
        return Arrays.stream(rows(name, "eval_ids"))
                .flatMapToInt(Arrays::stream)
                .toArray();
    }

    private static int[][] rows(String name, String key) {
        return Config.read(GOLDEN.resolve(name).resolve("tokens.json"))
                .json()
                .get(key)
                .valueStream()
                .map(row -> row.valueStream().mapToInt(id -> id.asInt()).toArray())
                .toArray(int[][]::new);
    }
}
