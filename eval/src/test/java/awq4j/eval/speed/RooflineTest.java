package awq4j.eval.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import awq4j.eval.speed.Roofline.Point;
import awq4j.eval.speed.SpeedResult.Ceilings;
import awq4j.kernel.CpuOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RooflineTest {
    private static final ModelShape LLAMA = ModelShape.of("tinyllama-1.1b");

    @TempDir
    private Path folder;

    @Test
    void linearsThatReadOneInputAreOneKind() {
        List<LinearKind> kinds = LinearKind.of(LLAMA.spec());
        assertThat(kinds).extracting(LinearKind::name).containsExactly("q, k, v", "o", "gate, up", "down", "head");
        assertThat(kinds).extracting(LinearKind::count).containsExactly(22, 22, 22, 22, 1);
        assertThat(kinds.getFirst().weights()).isEqualTo((2048 + 256 + 256) * 2048L);
        assertThat(kinds.get(2).outputs()).isEqualTo(2 * 5632);
        assertThat(kinds.getLast().head()).isTrue();
    }

    @Test
    void intensityIsWhatOneComputesByHand() {
        LinearKind output = LinearKind.of(LLAMA.spec()).get(1);
        // 2048 x 2048 in float16: 8,388,608 bytes and 2 * 4,194,304 operations; 16,384 bytes of activations
        assertThat(Work.of(output, 8_388_608, 1)).isEqualTo(new Work(8_388_608, 8_388_608 + 16_384));
        assertThat(Work.of(output, 8_388_608, 1).intensity()).isCloseTo(0.998, within(0.001));
        // 4 bits, and for each of 16 groups of 2048 rows a float16 and a zero of 16 bits
        long quantized = 2_097_152 + 4 * 16 * 2048;
        assertThat(Work.of(output, quantized, 1).intensity()).isCloseTo(3.737, within(0.001));
        // 64 tokens: 536,870,912 operations over 2,228,224 + 1,048,576 bytes
        assertThat(Work.of(output, quantized, 64).intensity()).isCloseTo(163.84, within(0.01));
    }

    @Test
    void aWholeModelHasEachKindAsOftenAsTheModel() {
        Roofline roofline = roofline(20e9, 100e9, 150e9);
        Roofline.Whole whole = roofline.whole(SpeedPrecision.F16, 1);
        assertThat(whole.seconds()).isCloseTo(22 * (1 + 2 + 3 + 4) + 5, within(1e-9));
        assertThat(whole.work().operations()).isEqualTo(2.0 * (22 * 44_040_192L + 65_536_000L));
        assertThat(whole.tokensPerSecond()).isCloseTo(1 / 225.0, within(1e-12));
        assertThat(roofline.whole(SpeedPrecision.F16, 4).work().operations())
                .isEqualTo(4 * whole.work().operations());
    }

    @Test
    void theRoofIsMemoryFirstAndArithmeticThen() {
        Roofline roofline = roofline(20e9, 100e9, 150e9);
        assertThat(roofline.roof(SpeedPrecision.F16, 0.5)).isEqualTo(10e9);
        assertThat(roofline.roof(SpeedPrecision.F16, 50)).isEqualTo(100e9);
        assertThat(roofline.roof(SpeedPrecision.W4A8, 50)).isEqualTo(150e9);
        assertThat(roofline(20e9, 100e9, 90e9).roof(SpeedPrecision.W4A8, 50)).isEqualTo(100e9);
        Roofline.Whole whole = roofline.whole(SpeedPrecision.F16, 1);
        assertThat(roofline.share(whole)).isCloseTo(whole.bytesPerSecond() / 20e9, within(1e-12));
    }

    @Test
    void everyKindIsMeasuredWithEveryNumberOfTokens() {
        ModelShape tiny = TinyShapes.LLAMA.shape(folder);
        var settings = new RooflineMeasurement.Settings(
                new CpuOptions(CpuOptions.Arithmetic.AUTO, 2), 32, 1 << 20, 4 << 20, 1, 1, 2);
        for (SpeedPrecision precision : List.of(SpeedPrecision.F16, SpeedPrecision.W4A16, SpeedPrecision.W4A8)) {
            var told = new ArrayList<String>();
            Roofline.Part part = RooflineMeasurement.run(
                    tiny, precision, settings, (kind, number, all) -> told.add(kind + " " + number + "/" + all));
            assertThat(told).containsExactly("q, k, v 1/5", "o 2/5", "gate, up 3/5", "down 4/5", "head 5/5");
            assertThat(part.points()).hasSize(5 * 7).allSatisfy(point -> {
                assertThat(point.precision()).isEqualTo(precision);
                assertThat(point.seconds().median()).isPositive();
                assertThat(point.work().operations()).isPositive();
            });
            assertThat(part.ceilings().readBytesPerSecond().median()).isPositive();
            var roofline = new Roofline(tiny, List.of(part));
            assertThat(roofline.batches()).containsExactly(1, 2, 4, 8, 16, 32, 64);
            double intensity = roofline.whole(precision, 1).work().intensity();
            assertThat(intensity).isBetween(precision == SpeedPrecision.F16 ? 0.5 : 1.0, 4.0);
        }
    }

    @Test
    void anEmptyRooflineIsRefused() {
        assertThatThrownBy(() -> new Roofline(LLAMA, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("found none");
    }

    /** Kinds that take 1, 2, ... seconds whatever the number of tokens. */
    private static Roofline roofline(double read, double floats, double shorts) {
        var points = new ArrayList<Point>();
        int seconds = 1;
        for (LinearKind kind : LinearKind.of(LLAMA.spec())) {
            for (int batch : List.of(1, 4)) {
                points.add(new Point(
                        SpeedPrecision.F16,
                        kind.name(),
                        batch,
                        Work.of(kind, 2 * kind.weights(), batch),
                        Spread.of(seconds)));
            }
            seconds++;
        }
        var ceilings = new Ceilings(1 << 20, Spread.of(read), Spread.of(floats), Spread.of(shorts));
        return new Roofline(LLAMA, List.of(new Roofline.Part(SpeedPrecision.F16, "cpu", 2, points, ceilings)));
    }
}
