package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.model.family.Families;
import awq4j.testing.GoldenFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ParameterCountTest {
    @ParameterizedTest
    @MethodSource("awq4j.testing.GoldenFiles#models")
    void isWhatTheFileHolds(String name) {
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path("models/" + name))) {
            ModelSpec model = Families.spec(checkpoint);
            var count = ParameterCount.of(model);
            long stored = checkpoint.names().stream()
                    .filter(tensor -> !(model.tied() && tensor.equals("lm_head.weight")))
                    .mapToLong(tensor -> checkpoint.tensor(tensor).shape().elements())
                    .sum();
            assertThat(count.total()).isEqualTo(stored);
            assertThat(model.blocks().stream().mapToLong(ParameterCount::of).sum())
                    .isEqualTo(stored - count.embeddings() - count.head() - finalNorm(checkpoint, model));
        }
    }

    /** Two of four experts run; each of hidden 32 and width 64 has three matrices. */
    @Test
    void expertsThatATokenDoesNotGoToAreIdle() {
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path("models/mixtral"))) {
            var count = ParameterCount.of(Families.spec(checkpoint));
            assertThat(count.idle()).isEqualTo(2 * 2 * 3 * 32 * 64);
            assertThat(count.active()).isEqualTo(count.total() - count.idle());
        }
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path("models/llama_gqa"))) {
            assertThat(ParameterCount.of(Families.spec(checkpoint)).idle()).isZero();
        }
    }

    private static long finalNorm(Checkpoint checkpoint, ModelSpec model) {
        return checkpoint.names().stream()
                .filter(tensor -> model.outerNorms().stream()
                        .anyMatch(norm -> norm.tensors().contains(tensor)))
                .mapToLong(tensor -> checkpoint.tensor(tensor).shape().elements())
                .sum();
    }
}
