package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.GoldenModel;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LongRoPE turns all keys by other angles once a sequence is longer than the original context. */
class SequenceTest {
    private static final int ORIGINAL = 28;

    @TempDir
    private Path folder;

    @Test
    void keysTurnAgainWhenTheSequenceOutgrowsTheOriginalContext() {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                GoldenModel model = open(backend)) {
            int[] tokens = tokens(40);
            var sequence = new Sequence(model.transformer(), KvPrecision.F32, 64);
            float[] logits = new float[sequence.vocabulary()];
            for (int length = 1; length <= tokens.length; length++) {
                sequence.append(Arrays.copyOf(tokens, length), length - 1, logits, () -> false);
                assertThat(sequence.length()).isEqualTo(length);
                assertSame(logits, fromNothing(model, Arrays.copyOf(tokens, length)));
            }
        }
    }

    @Test
    void aPrefixOfAnotherLengthIsTurnedBack() {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                GoldenModel model = open(backend)) {
            var sequence = new Sequence(model.transformer(), KvPrecision.F32, 64);
            float[] logits = new float[sequence.vocabulary()];
            for (int length : new int[] {40, 20, 45, 30, ORIGINAL, ORIGINAL + 1}) {
                int[] wanted = tokens(length);
                int kept = sequence.keepPrefixOf(wanted);
                assertThat(kept).isLessThan(length);
                sequence.append(wanted, kept, logits, () -> false);
                assertSame(logits, fromNothing(model, wanted));
            }
        }
    }

    private GoldenModel open(Backend backend) {
        Path model = ModelFolders.copy("models/phi3_longrope_short", folder.resolve("model"));
        ModelFolders.edit(model.resolve("config.json"), json -> json.put("original_max_position_embeddings", ORIGINAL));
        return GoldenModel.open(model, backend);
    }

    private static int[] tokens(int length) {
        int[] prompt = GoldenModel.integers(GoldenFiles.path("models/phi3_longrope/expected.json"), "input_ids");
        int[] tokens = new int[length];
        Arrays.setAll(tokens, i -> prompt[i % prompt.length]);
        return tokens;
    }

    private static float[] fromNothing(GoldenModel model, int[] tokens) {
        float[] all = model.run(tokens, tokens.length, KvPrecision.F32).logits();
        int vocabulary = all.length / tokens.length;
        return Arrays.copyOfRange(all, all.length - vocabulary, all.length);
    }

    private static void assertSame(float[] found, float[] expected) {
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).as("logit %d", i).isCloseTo(expected[i], within(1e-4f));
        }
    }
}
