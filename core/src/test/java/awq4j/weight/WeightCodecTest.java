package awq4j.weight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightCodecTest {
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16"})
    void denseIsItsOwnValues(DType dtype) {
        float[] values = {1, -2, 0.5f, 4, -0.25f, 3};
        Tensor tensor = Tensor.ofFloats(values, 2, 3).as(dtype);
        var weight = new Weight("w", 2, 3, new Dense(dtype), tensor.data(), null, null);
        assertThat(WeightCodec.decode(weight)).containsExactly(values);
        float[] row = new float[4];
        WeightCodec.decodeRow(weight, 1, row);
        assertThat(row).containsExactly(4, -0.25f, 3, 0);
    }

    /** Groups of three: the second begins in the middle of a byte. */
    @Test
    void groupsOfNibblesMayBeginAnywhere() {
        var layout = new Grouped(4, 3, ZeroPoint.INTEGER);
        byte[] codes = {0x21, 0x43, 0x65, (byte) 0xf7};
        float[] scales = {1, 10, 100};
        byte[] zeros = {1, 3, 15};
        var weight = new Weight("w", 1, 8, layout, of(codes), MemorySegment.ofArray(scales), of(zeros));
        assertThat(WeightCodec.decode(weight)).containsExactly(0, 1, 2, 10, 20, 30, -800, 0);
    }

    /** Two rows of five columns in groups of two: rows start on a byte, the last group is a single column. */
    @Test
    void nibblesRunFromLowToHighAndTheTailIsShorter() {
        var layout = new Grouped(4, 2, ZeroPoint.INTEGER);
        byte[] codes = {0x21, 0x43, 0x05, (byte) 0xba, (byte) 0xdc, 0x0e};
        float[] scales = {1, 10, 100, 0.5f, 2, -1};
        byte[] zeros = {1, 3, 0, 10, 15, 7};
        var weight = new Weight("w", 2, 5, layout, of(codes), MemorySegment.ofArray(scales), of(zeros));
        assertThat(WeightCodec.decode(weight)).containsExactly(0, 1, 0, 10, 500, 0, 0.5f, -6, -4, -7);
        assertThat(WeightCodec.code(weight, layout, 1, 2)).isEqualTo(12);
        assertThat(WeightCodec.zero(weight, layout, 1, 1)).isEqualTo(15);
        assertThat(WeightCodec.scale(weight, layout, 1, 2)).isEqualTo(-1);
    }

    @Test
    void fiveBitsAndMoreTakeAByteACode() {
        var layout = new Grouped(8, 3, ZeroPoint.INTEGER);
        var weight = new Weight(
                "w",
                1,
                3,
                layout,
                of(new byte[] {(byte) 255, 0, (byte) 128}),
                MemorySegment.ofArray(new float[] {0.5f}),
                of(new byte[] {(byte) 200}));
        assertThat(WeightCodec.decode(weight)).containsExactly(27.5f, -100, -36);
    }

    @Test
    void symmetricZeroIsTheMiddleCode() {
        var layout = new Grouped(3, 4, ZeroPoint.MIDDLE);
        var weight = new Weight(
                "w", 1, 4, layout, of(new byte[] {0x40, 0x73}), MemorySegment.ofArray(new float[] {2}), null);
        assertThat(WeightCodec.decode(weight)).containsExactly(-8, 0, -2, 6);
    }

    @Test
    void aBiasIsTheValueOfCodeZero() {
        var layout = new Grouped(4, 2, ZeroPoint.FLOAT);
        var scales = MemorySegment.ofArray(new float[] {2, -0.5f});
        var biases = MemorySegment.ofArray(new float[] {-3, 0.25f});
        var weight = new Weight("w", 1, 3, layout, of(new byte[] {(byte) 0xf0, 0x04}), scales, biases);
        assertThat(WeightCodec.decode(weight)).containsExactly(-3, 27, -1.75f);
        assertThat(WeightCodec.bias(weight, layout, 0, 1)).isEqualTo(0.25f);
        assertThatThrownBy(() -> WeightCodec.zero(weight, layout, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("weight w has biases, not zeros");
        assertThatThrownBy(() -> new Weight("w", 1, 3, layout, of(new byte[2]), scales, of(new byte[2])))
                .hasMessage("weight w: zeros takes 8 bytes, memory has 2");
        assertThat(layout.sizeBytes(3, 5)).isEqualTo(3 * (3 + 3 * 4 + 3 * 4));
    }

    /** Every product of a float16 and a code is a float, so only the sum is rounded; double holds both exactly. */
    @Test
    void halfScalesAndBiasesDecodeToTheNearestFloat() {
        var layout = new Grouped(8, 1, ZeroPoint.FLOAT);
        var random = new java.util.SplittableRandom(11);
        for (int i = 0; i < 200_000; i++) {
            float scale = Float.float16ToFloat((short) random.nextInt(0x7c00));
            float bias = -Float.float16ToFloat((short) random.nextInt(0x7c00));
            int code = random.nextInt(256);
            var weight = new Weight(
                    "w",
                    1,
                    1,
                    layout,
                    of(new byte[] {(byte) code}),
                    MemorySegment.ofArray(new float[] {scale}),
                    MemorySegment.ofArray(new float[] {bias}));
            assertThat(WeightCodec.decode(weight)[0]).isEqualTo((float) ((double) scale * code + bias));
            assertThat(WeightCodec.decode(weight)[0]).isEqualTo(scale * code + bias);
        }
    }

    @Test
    void rowsAreDecodedInTheOrderOfTheInputs() {
        var layout = new Grouped(4, 2, ZeroPoint.MIDDLE);
        var scales = MemorySegment.ofArray(new float[] {1, 10});
        var weight = new Weight(
                "w", 1, 4, layout, of(new byte[] {(byte) 0xa9, (byte) 0xcb}), scales, null, InputOrder.of(2, 0, 3, 1));
        assertThat(WeightCodec.decode(weight)).containsExactly(2, 40, 1, 30);
        assertThat(WeightCodec.code(weight, layout, 0, 0)).isEqualTo(9);
    }

    @Test
    void inputOrderIsAPermutation() {
        InputOrder order = InputOrder.of(2, 0, 1);
        float[] stored = new float[4];
        order.gather(new float[] {0, 10, 11, 12}, 1, stored, 0);
        assertThat(stored).containsExactly(12, 10, 11, 0);
        float[] back = new float[3];
        order.scatter(stored, 0, back, 0);
        assertThat(back).containsExactly(10, 11, 12);
        var memory = MemorySegment.ofArray(new int[3]);
        order.write(memory);
        assertThat(InputOrder.read(memory, 3)).isEqualTo(order).hasSameHashCodeAs(order);
        assertThatThrownBy(() -> InputOrder.of(0, 2, 2))
                .hasMessage("input order: expected each of 0 to 2 once, found 2 again at 2");
        assertThatThrownBy(() -> InputOrder.of(0, -1))
                .hasMessage("input order: expected each of 0 to 1 once, found -1 at 1");
        assertThatThrownBy(() -> InputOrder.of(0, 2))
                .hasMessage("input order: expected each of 0 to 1 once, found 2 at 1");
        var scales = MemorySegment.ofArray(new float[2]);
        assertThatThrownBy(() -> new Weight(
                        "w", 1, 4, new Grouped(4, 2, ZeroPoint.MIDDLE), of(new byte[2]), scales, null, order))
                .hasMessage("weight w: input order of 3 columns, weight has 4");
    }

    @Test
    void partsOfAnotherSizeAreRefused() {
        var layout = new Grouped(4, 2, ZeroPoint.INTEGER);
        var scales = MemorySegment.ofArray(new float[3]);
        assertThatThrownBy(() -> new Weight("w", 1, 5, layout, of(new byte[2]), scales, of(new byte[3])))
                .hasMessage("weight w: values takes 3 bytes, memory has 2");
        assertThatThrownBy(() -> new Weight("w", 1, 5, layout, of(new byte[3]), null, of(new byte[3])))
                .hasMessage("weight w: scales takes 12 bytes, memory has 0");
        assertThatThrownBy(() -> new Weight("w", 1, 5, layout, of(new byte[3]), scales, null))
                .hasMessage("weight w: zeros takes 3 bytes, memory has 0");
        assertThatThrownBy(() -> new Dense(DType.I8)).hasMessage("dense weights are F32, F16 or BF16, was I8");
        assertThatThrownBy(() -> new Grouped(9, 2, ZeroPoint.MIDDLE)).hasMessage("bits must be in [2, 8], was 9");
        assertThatThrownBy(() -> new Grouped(4, 0, ZeroPoint.MIDDLE)).hasMessage("groupSize must be positive, was 0");
    }

    @Test
    void layoutCountsItsBytesAndLargeGroups() {
        var layout = new Grouped(4, 128, ZeroPoint.INTEGER);
        assertThat(layout.sizeBytes(64, 300)).isEqualTo(64 * 150 + 64 * 3 * 4 + 64 * 3);
        assertThat(new Grouped(4, Integer.MAX_VALUE, ZeroPoint.MIDDLE).groups(4096))
                .isOne();
        assertThat(layout.sizeBytes(1 << 20, 1 << 16)).isGreaterThan(1L << 35);
    }

    private static MemorySegment of(byte[] bytes) {
        return MemorySegment.ofArray(bytes);
    }
}
