package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.demo.DemoModel;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What rounding keys and values costs, on windows three times as long as what stays in float16. */
class KvPrecisionTest {
    private static final int TOKENS = 8 * 512;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"F16, 0.0001", "I8, 0.001", "I4, 0.01"})
    void perplexityRisesByLittle(KvPrecision kv, double most) throws IOException {
        Path demo = DemoModel.unpack(folder.resolve("demo"));
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                var exact = MeasuredModel.open(demo, backend);
                var rounded = MeasuredModel.open(demo, backend, kv)) {
            int[] tokens = Arrays.copyOf(exact.tokens(DemoModel.heldOut()), TOKENS);
            Windows windows = Windows.of(tokens, 512);
            Divergence.Result result =
                    Divergence.measure(exact.predictor(), rounded.predictor(), windows, Progress.NONE);
            double rise =
                    result.b().perplexity().value() / result.a().perplexity().value() - 1;
            assertThat(rise).isLessThan(most);
            assertThat(result.divergence().value()).as("it is not float32").isPositive();
        }
    }
}
