package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.tensor.DType;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class RoundedHeadTest {
    private static final int COLUMNS = 300;
    private static final Weight HEAD = Samples.dense(7, 200, COLUMNS, DType.F16);

    @Test
    void everyValueIsWithinHalfAStep() {
        float[] exact = WeightCodec.decode(HEAD);
        float[] rounded = WeightCodec.decode(RoundedHead.of(HEAD, Split.NONE, Arena.ofAuto()));
        for (int start = 0; start < exact.length; ) {
            int n = Math.min(128, COLUMNS - start % COLUMNS);
            float halfStep = ActivationRounding.greatest(exact, start, n) / 254;
            for (int i = start; i < start + n; i++) {
                assertThat(rounded[i]).as("value %d", i).isCloseTo(exact[i], within(1.001f * halfStep));
            }
            start += n;
        }
    }

    @Test
    void onlyRoundingBackendsRound() {
        try (var exact = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, Precision.W4A16, 2));
                var rounding = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, Precision.W4A8, 2))) {
            assertThat(exact.placeHead(HEAD).layout()).isEqualTo(HEAD.layout());
            assertThat(rounding.placeHead(HEAD).sizeBytes()).isLessThan(HEAD.sizeBytes() * 6 / 10);
        }
    }

    @Test
    void aHeadThatOnlyTheCallersThreadMayReadIsRoundedThere() {
        try (var arena = Arena.ofConfined();
                var backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, Precision.W4A8, 3))) {
            var memory = arena.allocate(HEAD.values().byteSize()).copyFrom(HEAD.values());
            var head = new Weight("head", HEAD.rows(), COLUMNS, HEAD.layout(), memory, null, null);
            assertThat(backend.placeHead(head).sizeBytes()).isLessThan(HEAD.sizeBytes() * 6 / 10);
        }
    }

    @Test
    void aHeadWithAnInfinityStaysAsItIs() {
        float[] values = Samples.floats(3, 64 * 64);
        values[5] = Float.POSITIVE_INFINITY;
        Weight head = Weight.ofFloats("head", 64, 64, values);
        assertThat(RoundedHead.of(head, Split.NONE, Arena.ofAuto())).isSameAs(head);
    }
}
