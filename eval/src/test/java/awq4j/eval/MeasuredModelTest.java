package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.demo.DemoModel;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MeasuredModelTest {
    @TempDir
    private static Path folder;

    private static Path demo;
    private static Backend backend;

    @BeforeAll
    static void unpack() throws IOException {
        demo = DemoModel.unpack(folder.resolve("demo"));
        backend = CpuBackend.open(CpuOptions.DEFAULT);
    }

    @AfterAll
    static void close() {
        backend.close();
    }

    @Test
    void demoModelPredictsItsHeldOutTextFarBetterThanChance() throws IOException {
        try (var model = MeasuredModel.open(demo, backend)) {
            int[] tokens = model.tokens(DemoModel.heldOut());
            assertThat(tokens[0]).isEqualTo(model.tokenizer().bosId().orElseThrow());
            assertThat(tokens[512]).isNotEqualTo(tokens[0]);
            var result = Perplexity.measure(
                    model.predictor(), Windows.of(tokens, 512).limit(2), Progress.NONE);
            assertThat(result.perplexity().value())
                    .isBetween(2.0, model.predictor().vocabulary() / 10.0);
        }
    }

    @Test
    void aWindowBeyondTheContextIsRefusedWithBothNumbers() throws IOException {
        try (var model = MeasuredModel.open(demo, backend)) {
            assertThatThrownBy(
                            () -> Perplexity.measure(model.predictor(), Windows.of(new int[600], 600), Progress.NONE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("a text of 600 tokens is longer than the model's context of 512");
        }
    }

    @Test
    void modelsThatReadTheTextDifferentlyAreRefused() throws IOException {
        Path other = DemoModel.unpack(folder.resolve("other"));
        Path tokenizer = other.resolve("tokenizer.json");
        String json = Files.readString(tokenizer);
        assertThat(json).containsOnlyOnce("\"add_prefix_space\": false");
        Files.writeString(tokenizer, json.replace("\"add_prefix_space\": false", "\"add_prefix_space\": true"));
        try (var a = MeasuredModel.open(demo, backend);
                var b = MeasuredModel.open(other, backend)) {
            assertThat(MeasuredModel.tokens(" And so", a, b)).isEqualTo(a.tokens(" And so"));
            assertThatThrownBy(() -> MeasuredModel.tokens("And so", a, b))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("the models read the text differently: token 1 is ")
                    .hasMessageContaining(" 'And' for " + demo)
                    .hasMessageContaining(" 'ĠAnd' for " + other)
                    .hasMessageEndingWith("only models of one tokenizer can be compared");
        }
    }

    @Test
    void aFolderWithoutTokenizerIsRefused() throws IOException {
        Path bare = DemoModel.unpack(folder.resolve("bare"));
        Files.delete(bare.resolve("tokenizer.json"));
        assertThatThrownBy(() -> MeasuredModel.open(bare, backend)).hasMessageContaining("no tokenizer in " + bare);
    }
}
