package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Parameters;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.SparseGpt;
import awq4j.quant.Sparsity;
import awq4j.quant.calibration.Calibration;
import awq4j.tensor.DType;
import awq4j.testing.ModelFolders;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints of pruned weights: what was pruned is exactly zero for whoever reads them. */
class SparseCheckpointTest {
    private static final Sparsity HALF = new Sparsity.Share(0.5);
    private static final Sparsity PATTERN = Sparsity.Pattern.TWO_OF_FOUR;

    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void aModel() {
        model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 11);
    }

    private static MethodChoice method(String name, Sparsity sparsity) {
        var awq = MethodChoice.awq(new Awq.Settings(Scaling.PLAIN, true, 64));
        return switch (name) {
            case "wanda" -> MethodChoice.wanda(sparsity, null);
            case "wanda+rtn" -> MethodChoice.wanda(sparsity, MethodChoice.rtn());
            case "wanda+awq" -> MethodChoice.wanda(sparsity, awq);
            case "sparsegpt" -> MethodChoice.sparseGpt(new SparseGpt.Settings(sparsity, false), null);
            case "sparsegpt+awq" -> MethodChoice.sparseGpt(new SparseGpt.Settings(sparsity, false), awq);
            default -> MethodChoice.sparseGpt(new SparseGpt.Settings(sparsity, true), null);
        };
    }

    private QuantizeSettings settings(Path out, MethodChoice method, boolean symmetric) {
        return QuantizeSettings.of(
                        model,
                        out,
                        new QuantScheme(4, 32, symmetric, Range.INCLUDE_ZERO),
                        method,
                        Calibration.ofTokens(RandomModels.tokens(4, 32, 96, 3)))
                .withCpu(new CpuOptions(Arithmetic.SCALAR, 1));
    }

    @ParameterizedTest
    @CsvSource({
        "wanda+rtn, false, false",
        "wanda+rtn, true, true",
        "wanda+awq, false, false",
        "wanda+awq, true, false",
        "sparsegpt+awq, true, false",
        "sparsegpt+gptq, false, false",
        "sparsegpt+gptq, true, true",
        "wanda, true, false",
        "sparsegpt, false, false"
    })
    void whatWasPrunedIsExactlyZeroWhenItIsRead(String name, boolean pattern, boolean symmetric) {
        Path out = folder.resolve("out");
        MethodChoice method = method(name, pattern ? PATTERN : HALF);
        QuantizationReport report = CheckpointQuantizer.run(settings(out, method, symmetric));
        assertThat(report.method()).isEqualTo(name);
        assertThat(report.settings()).containsEntry("sparsity", pattern ? "2:4" : "50.0 %");
        boolean codes = name.contains("+");
        try (Checkpoint result = Checkpoints.open(out)) {
            assertThat(result.quantization().isPresent()).isEqualTo(codes);
            for (BlockSpec spec : Families.spec(result).blocks()) {
                for (Linear linear : spec.linears()) {
                    var weight = Parameters.of(result).matrix(linear);
                    assertThat(weight.layout()).isInstanceOf(codes ? Grouped.class : Dense.class);
                    float[] values = WeightCodec.decode(weight);
                    requireZeros(linear, values, pattern);
                }
            }
        }
    }

    /** At least so many of each run, or of the matrix: small weights that stay may be rounded to zero as well. */
    private static void requireZeros(Linear linear, float[] values, boolean pattern) {
        int run = pattern ? 4 : values.length;
        int all = 0;
        for (int from = 0; from < values.length; from += run) {
            int zeros = 0;
            for (int i = from; i < from + run; i++) {
                zeros += values[i] == 0 ? 1 : 0;
            }
            assertThat(zeros).as("%s at %d", linear.name(), from).isGreaterThanOrEqualTo(run / 2);
            all += zeros;
        }
        assertThat(all).as(linear.name()).isLessThan((int) (0.7 * values.length));
    }

    @Test
    void prunedAloneItIsAPlainFolderInTheSourcesShape() {
        Path out = folder.resolve("out");
        QuantizationReport report = CheckpointQuantizer.run(settings(out, method("wanda", PATTERN), false));
        assertThat(report.scheme()).isEqualTo(QuantizationReport.Scheme.PLAIN);
        assertThat(report.result().quantizedLinears()).isZero();
        try (Checkpoint source = Checkpoints.open(model);
                Checkpoint result = Checkpoints.open(out)) {
            assertThat(result.names()).isEqualTo(source.names());
            assertThat(result.config().has("quantization_config")).isFalse();
            for (String name : source.names()) {
                float[] before = source.tensor(name).toFloats();
                float[] after = result.tensor(name).toFloats();
                for (int i = 0; i < before.length; i++) {
                    assertThat(after[i]).as(name).isIn(before[i], 0f);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"wanda+awq", "sparsegpt"})
    void interruptedItGoesOnToTheSameBytes(String name) throws IOException {
        Path whole = folder.resolve("whole");
        CheckpointQuantizer.run(settings(whole, method(name, HALF), false));
        Path out = folder.resolve("out");
        var done = new AtomicInteger();
        var interrupted = settings(out, method(name, HALF), false)
                .watched(
                        step -> {
                            if (step instanceof Progress.BlockFinished) {
                                done.incrementAndGet();
                            }
                        },
                        () -> done.get() > 0);
        assertThatThrownBy(() -> CheckpointQuantizer.run(interrupted)).isInstanceOf(CancellationException.class);
        assertThatThrownBy(() -> CheckpointQuantizer.run(settings(out, method(name, PATTERN), false)))
                .hasMessageContaining("method sparsity was 50.0 %, is 2:4");
        CheckpointQuantizer.run(settings(out, method(name, HALF), false));
        ResumeTest.sameFiles(out, whole);
    }

    /** GPT-2's matrices are stored inputs first, and three linears lie in one. */
    @Test
    void transposedMatricesArePrunedAlongTheirInputs() {
        Path source = ModelFolders.copy("models/gpt2", folder.resolve("source"));
        Path out = folder.resolve("out");
        CheckpointQuantizer.run(QuantizeSettings.of(
                source,
                out,
                new QuantScheme(4, 16, false, Range.INCLUDE_ZERO),
                MethodChoice.wanda(PATTERN, null),
                Calibration.ofTokens(RandomModels.tokens(2, 32, 90, 3))));
        try (Checkpoint result = Checkpoints.open(out)) {
            for (BlockSpec spec : Families.spec(result).blocks()) {
                for (Linear linear : spec.linears()) {
                    requireZeros(
                            linear, WeightCodec.decode(Parameters.of(result).matrix(linear)), true);
                }
            }
        }
    }

    @Test
    void patternsThatRowsDoNotDivideIntoAreRefused() {
        var fifths = new Sparsity.Pattern(2, 5);
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> CheckpointQuantizer.run(settings(out, method("wanda+rtn", fifths), false)))
                .hasMessageContaining("2:5 takes rows in runs of 5 columns, and model.layers.0.self_attn.q_proj has 64:"
                        + " choose a pattern that divides it, or a share");
        assertThatThrownBy(() -> MethodChoice.sparseGpt(new SparseGpt.Settings(HALF, true), MethodChoice.rtn()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("sparsegpt rounds what rtn was to round");
    }
}
