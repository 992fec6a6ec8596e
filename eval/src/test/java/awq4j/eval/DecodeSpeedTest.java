package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.testing.Repository;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;

class DecodeSpeedTest {
    @Test
    void everyTokenOfEveryRunIsRun() {
        var folder = Repository.root().resolve("core/src/test/resources/golden/quantization/opt_tiny");
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                Checkpoint checkpoint = Checkpoints.open(folder)) {
            var model = Transformer.open(backend, Families.spec(checkpoint), checkpoint, 1);
            var seen = new ArrayList<Long>();
            double speed = DecodeSpeed.median(model, new int[] {2, 7, 9}, 2, (done, all, soFar) -> {
                assertThat(all).isEqualTo(9);
                seen.add(done);
            });
            assertThat(speed).isPositive().isFinite();
            assertThat(seen).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
            assertThatThrownBy(() -> DecodeSpeed.median(model, new int[] {2}, 0, Progress.NONE))
                    .hasMessage("decode speed: at least one run of one token, was 0 of 1");
        }
    }
}
