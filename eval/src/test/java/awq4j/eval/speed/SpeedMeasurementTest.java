package awq4j.eval.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpeedMeasurementTest {
    private static final long REGION = 2 << 20;

    @TempDir
    private Path folder;

    @Test
    void everyFigureIsThereAndTheStepsAreTold() {
        var steps = new ArrayList<String>();
        SpeedResult result = run(new SpeedSettings(10, 6, 10, 2, KvPrecision.F16, REGION, REGION), watch(steps, false));
        assertThat(result.threads()).isEqualTo(1);
        assertThat(result.loadSeconds()).isPositive();
        assertThat(List.of(result.prefill(), result.decode(), result.firstTokenMillis()))
                .allSatisfy(spread -> {
                    assertThat(spread.least()).isPositive();
                    assertThat(spread.median()).isBetween(spread.least(), spread.most());
                });
        assertThat(result.memory().bytes()).isGreaterThan(1 << 20);
        assertThat(result.allocatedBytesPerToken()).isNotNegative();
        assertThat(result.weightBytesPerToken()).isPositive();
        assertThat(result.ceilings().regionBytes()).isEqualTo(REGION);
        assertThat(result.decodeBandwidthShare()).isPositive().isFinite();
        assertThat(result.prefillFloatShare()).isPositive().isFinite();
        assertThat(result.prefillShortShare()).isPositive().isFinite();
        assertThat(steps).startsWith("LOAD 1", "WARM_UP 1", "WARM_UP 2").endsWith("RUN 1", "RUN 2");
    }

    @Test
    void keysAndValuesAreCountedAtTheMeanLength() {
        SpeedResult near = run(new SpeedSettings(4, 3, 20, 1, KvPrecision.F16, REGION, REGION), SpeedWatch.NONE);
        SpeedResult far = run(new SpeedSettings(4, 3, 41, 1, KvPrecision.F16, REGION, REGION), SpeedWatch.NONE);
        assertThat(near.kvBytesPerToken()).isPositive(); // the tokens see 21, 22 and 23 positions
        assertThat(far.kvBytesPerToken()).isCloseTo(near.kvBytesPerToken() * 43 / 22, within(1e-6));
    }

    @Test
    void whoeverWatchesCanStopIt() {
        assertThatThrownBy(() -> run(SpeedSettings.DEFAULT, watch(new ArrayList<>(), true)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("prompt and reply take 641 positions, the model's context has 64: ask for fewer tokens");
        var settings = new SpeedSettings(10, 6, 10, 1, KvPrecision.F16, REGION, REGION);
        assertThatThrownBy(() -> run(settings, watch(new ArrayList<>(), true)))
                .isInstanceOf(CancellationException.class);
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new SpeedSettings(0, 1, 0, 1, KvPrecision.F16, REGION, REGION))
                .hasMessage("prompt must be positive, was 0");
        assertThatThrownBy(() -> new SpeedSettings(1, 1, -1, 1, KvPrecision.F16, REGION, REGION))
                .hasMessage("depth must not be negative, was -1");
        assertThatThrownBy(() -> new SpeedSettings(1, 1, 1, 1, KvPrecision.F16, 1, 1 << 20))
                .hasMessage("reads need a mebibyte of memory, were given 1");
    }

    @Test
    void medianAndSpreadOfRuns() {
        assertThat(Spread.of(3, 1, 2)).isEqualTo(new Spread(2, 1, 3));
        assertThat(Spread.of(1, 2, 4, 3).median()).isEqualTo(2.5);
        assertThat(Spread.of(3, 1, 2).relative()).isEqualTo(0.5);
        assertThat(Spread.of(7).relative()).isZero();
    }

    private SpeedResult run(SpeedSettings settings, SpeedWatch watch) {
        var shape = TinyShapes.LLAMA.shape(folder);
        return SpeedMeasurement.run(
                () -> new RandomCheckpoint(shape, new WeightKind.Quantized(32)),
                new CpuOptions(CpuOptions.Arithmetic.AUTO, 1),
                settings,
                watch);
    }

    private static SpeedWatch watch(List<String> steps, boolean cancelled) {
        return new SpeedWatch() {
            @Override
            public void at(Step step, int number) {
                steps.add(step + " " + number);
            }

            @Override
            public boolean cancelled() {
                return cancelled;
            }
        };
    }
}
