package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.model.family.Families;
import awq4j.quant.MemoryEstimate;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Memory holds a block, not the model: shown by processes whose heap is smaller than the model's file. */
class MemoryTest {
    /** Most of it in blocks, of which RTN is fast. */
    private static final Sizes DEEP = new Sizes(768, 2048, 7, 8, 8, 512, true);

    /** Most of it in the embedding, so that a search is over soon. */
    private static final Sizes WIDE = new Sizes(384, 1024, 2, 6, 3, 135_000, true);

    private static final int HEAP_MEBIBYTES = 88;

    @TempDir
    private Path folder;

    @Test
    @Timeout(value = 300, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void rtnHoldsOneBlock() throws Exception {
        quantizeInLittleHeap(DEEP, "rtn", 0);
    }

    @Test
    @Timeout(value = 300, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void awqHoldsOneBlockAndItsActivations() throws Exception {
        quantizeInLittleHeap(WIDE, "awq", ChildQuantizer.TOKENS);
    }

    private void quantizeInLittleHeap(Sizes sizes, String method, int tokens) throws Exception {
        Path model = RandomModels.llama(folder.resolve("model"), sizes, DType.F16, 8);
        long heap = HEAP_MEBIBYTES * (1L << 20);
        assertThat(Files.size(model.resolve("model.safetensors"))).isGreaterThan(heap);
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            var estimate = MemoryEstimate.of(Families.spec(checkpoint), tokens);
            assertThat(heap).isLessThan(estimate.block() + estimate.activations() + 300_000_000);
        }
        Path out = folder.resolve("out");
        Process child = ChildQuantizer.start(HEAP_MEBIBYTES + "m", method, model, out);
        String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).as(output).isZero();
        try (Checkpoint result = Checkpoints.open(out)) {
            assertThat(result.has("model.layers.1.mlp.down_proj.qweight")).isTrue();
        }
    }
}
