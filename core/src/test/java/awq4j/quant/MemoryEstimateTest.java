package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.model.ModelSpec;
import awq4j.model.family.Families;
import awq4j.testing.GoldenFiles;
import org.junit.jupiter.api.Test;

class MemoryEstimateTest {
    /** hidden 256, intermediate 512, 4 heads and 2 kv heads of 64. */
    private final ModelSpec llama = spec("quantization/llama_tiny");

    @Test
    void blockIsItsNumbersInFloat() {
        long attention = 256L * 256 + 2 * 128 * 256 + 256 * 256;
        long mlp = 3L * 512 * 256;
        assertThat(MemoryEstimate.of(llama, 0).block()).isEqualTo(4 * (attention + mlp + 2 * 256));
    }

    @Test
    void activationsAreTheStreamAndEveryInputOnce() {
        long stream = 2L * 256;
        long inputs = 256 + 4 * 64 + 256 + 512;
        assertThat(MemoryEstimate.of(llama, 1000).activations()).isEqualTo(4 * 1000 * (stream + inputs));
    }

    @Test
    void aMethodThatSeesNoTokensKeepsNone() {
        var estimate = MemoryEstimate.of(llama, 0);
        assertThat(estimate.activations()).isZero();
        assertThat(estimate.total()).isEqualTo(estimate.block() + estimate.rest());
    }

    private static ModelSpec spec(String folder) {
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path(folder))) {
            return Families.spec(checkpoint);
        }
    }
}
