package awq4j.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

class FloatFormatsTest {
    /** Spacing of float16 below 2^-14. */
    private static final float TINY = 0x1p-24f;

    @Test
    void everyBf16SurvivesFloat() {
        for (int bits = 0; bits <= 0xffff; bits++) {
            float value = FloatFormats.bf16ToFloat((short) bits);
            short back = FloatFormats.floatToBf16(value);
            if (Float.isNaN(value)) {
                assertThat(FloatFormats.bf16ToFloat(back)).as("bits %x", bits).isNaN();
            } else {
                assertThat(back & 0xffff).isEqualTo(bits);
            }
        }
    }

    @Test
    void bf16TiesGoToEven() {
        assertThat(FloatFormats.roundToBf16(1 + 0x1p-8f)).isEqualTo(1);
        assertThat(FloatFormats.roundToBf16(1 + 3 * 0x1p-8f)).isEqualTo(1 + 0x1p-6f);
        assertThat(FloatFormats.roundToBf16(Math.nextUp(1 + 0x1p-8f))).isEqualTo(1 + 0x1p-7f);
        assertThat(FloatFormats.roundToBf16(Math.nextDown(1 + 3 * 0x1p-8f))).isEqualTo(1 + 0x1p-7f);
    }

    @Test
    void bf16IsTheNearest() {
        var random = new Random(11);
        for (int i = 0; i < 100_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (Math.abs(value) < 1e38f) {
                int bits = FloatFormats.floatToBf16(value) & 0xffff;
                double error = Math.abs((double) FloatFormats.bf16ToFloat((short) bits) - value);
                double above = Math.abs((double) FloatFormats.bf16ToFloat((short) (bits + 1)) - value);
                double below = Math.abs((double) FloatFormats.bf16ToFloat((short) (bits - 1)) - value);
                assertThat(error).as("value %a", value).isLessThanOrEqualTo(above);
                if ((bits & 0x7fff) != 0) {
                    assertThat(error).as("value %a", value).isLessThanOrEqualTo(below);
                }
            }
        }
    }

    @Test
    void bf16NanStaysNanAndOverflowBecomesInfinite() {
        float lowPayload = Float.intBitsToFloat(0x7f80_0001); // truncated it would be infinity
        assertThat(FloatFormats.roundToBf16(lowPayload)).isNaN();
        assertThat(FloatFormats.roundToBf16(Float.NaN)).isNaN();
        assertThat(FloatFormats.roundToBf16(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(FloatFormats.roundToBf16(Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(Float.floatToRawIntBits(FloatFormats.roundToBf16(-0f))).isEqualTo(0x8000_0000);
    }

    @Test
    void f16KeepsSubnormals() {
        assertThat(FloatFormats.roundToF16(TINY)).isEqualTo(TINY);
        assertThat(FloatFormats.roundToF16(1023 * TINY)).isEqualTo(1023 * TINY);
        assertThat(FloatFormats.roundToF16(TINY / 2)).isZero();
        assertThat(FloatFormats.roundToF16(Math.nextUp(TINY / 2))).isEqualTo(TINY);
        assertThat(FloatFormats.roundToF16(3 * TINY / 2)).isEqualTo(2 * TINY);
    }

    @Test
    void f16OverflowsWhereHalfAStepBeyondItsLargest() {
        assertThat(FloatFormats.roundToF16(Math.nextDown(65520f))).isEqualTo(65504);
        assertThat(FloatFormats.roundToF16(65520f)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(FloatFormats.roundToF16(Float.NaN)).isNaN();
    }

    @Test
    void roundingTakesTheTypeByName() {
        float value = 1 + 0x1p-9f;
        assertThat(FloatFormats.round(value, DType.F16)).isEqualTo(value);
        assertThat(FloatFormats.round(value, DType.BF16)).isEqualTo(1);
        assertThat(FloatFormats.round(value, DType.F32)).isEqualTo(value);
        assertThatThrownBy(() -> FloatFormats.round(value, DType.I8))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("I8 holds no fractions");
    }
}
