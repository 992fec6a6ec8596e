package awq4j.eval.speed;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelWorkTest {
    @TempDir
    private Path folder;

    /** Hidden 64, two layers of four experts of width 96, two for each token. */
    @Test
    void aTokenIsMultipliedWithItsExpertsOnly() {
        ModelWork work = ModelWork.of(TinyShapes.MIXTRAL.shape(folder).spec());
        long attention = 2 * 64 * 64 + 2 * 32 * 64;
        long expert = 3 * 64 * 96;
        long router = 4 * 64;
        assertThat(work.blockWeights()).isEqualTo(2 * (attention + router + 4 * expert));
        assertThat(work.idleWeights()).isEqualTo(2 * 2 * expert);
        assertThat(work.promptOperations(10))
                .isEqualTo(2.0 * 10 * 2 * (attention + router + 2 * expert) + 2.0 * 96 * 64);
    }
}
