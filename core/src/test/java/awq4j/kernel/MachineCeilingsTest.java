package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.kernel.scalar.ScalarCeilingLoops;
import awq4j.kernel.vector.VectorCeilingLoops;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class MachineCeilingsTest {
    @Test
    void everyLimitIsPositiveWithAnyNumberOfThreads() {
        for (int threads : new int[] {1, 3}) {
            try (var machine = MachineCeilings.open(threads, 3 << 20)) {
                assertThat(machine.threads()).isEqualTo(threads);
                assertThat(machine.readBytesPerSecond()).isPositive().isFinite();
                assertThat(machine.floatOperationsPerSecond()).isPositive().isFinite();
                assertThat(machine.shortOperationsPerSecond()).isPositive().isFinite();
            }
        }
    }

    @Test
    void regionIsRoundedUpToMebibytes() {
        try (var machine = MachineCeilings.open(1, (1 << 20) + 1)) {
            assertThat(machine.regionBytes()).isEqualTo(2 << 20);
        }
    }

    @Test
    void bothLoopsReadEveryByte() {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(8L * CeilingLoops.READ_STEP, 64);
            for (var loops : new CeilingLoops[] {new ScalarCeilingLoops(), new VectorCeilingLoops()}) {
                long before = loops.read(memory, 0, memory.byteSize());
                for (long i = 0; i < memory.byteSize(); i += 8) {
                    memory.set(ValueLayout.JAVA_LONG, i, 1);
                    assertThat(loops.read(memory, 0, memory.byteSize()))
                            .as("%s, byte %d", loops.getClass().getSimpleName(), i)
                            .isEqualTo(before + 1);
                    memory.set(ValueLayout.JAVA_LONG, i, 0);
                }
            }
        }
    }

    @Test
    void nothingToMeasureWithIsRefused() {
        assertThatThrownBy(() -> MachineCeilings.open(0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("ceilings need threads and memory, were 0 and 1 bytes");
    }
}
