package awq4j.weight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.testing.GgufBlocks;
import awq4j.weight.WeightLayout.GgufBlock;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class BlockPartsTest {
    private static final short ONE = Float.floatToFloat16(1);

    @ParameterizedTest
    @EnumSource(GgufType.class)
    void valuesAreScaleTimesFactorTimesCodeLessLeastTimesLift(GgufType type) {
        var random = new SplittableRandom(type.name().length());
        int[] range = GgufBlocks.factorRange(type);
        int lift = GgufBlocks.greatestLift(type);
        for (float scale : new float[] {1, 0.0123f, -3.5f, 65504, 0x1p-24f, 0}) {
            for (float least : lift == 0 ? new float[] {0} : new float[] {0.37f, -1, 65504, 0x1p-24f, 0}) {
                int[] codes =
                        random.ints(type.blockColumns(), 0, 1 << type.bits()).toArray();
                codes[0] = 0;
                codes[1] = (1 << type.bits()) - 1;
                int[] factors =
                        random.ints(type.groups(), range[0], range[1] + 1).toArray();
                factors[0] = range[0];
                factors[factors.length - 1] = range[1];
                int[] lifts = lift < 0
                        ? new int[] {-1}
                        : random.ints(type.groups(), 0, lift + 1).toArray();
                lifts[lifts.length - 1] = lift;
                short scaleBits = Float.floatToFloat16(scale);
                short leastBits = Float.floatToFloat16(least);
                byte[] block = GgufBlocks.encode(type, scaleBits, leastBits, codes, factors, lifts);
                float[] expected = new float[codes.length];
                for (int k = 0; k < codes.length; k++) {
                    int group = k / type.groupSize();
                    double exact = (double) Float.float16ToFloat(scaleBits) * factors[group] * (codes[k] - type.zero());
                    if (lift != 0) {
                        exact -= (double) Float.float16ToFloat(leastBits) * lifts[group];
                    }
                    expected[k] = (float) exact;
                }
                assertThat(decode(type, block))
                        .as("%s * %s", type, scale)
                        .usingComparatorWithPrecision(0f)
                        .containsExactly(expected);
            }
        }
    }

    /** Where single bits stand, from the format's description: byte, bit, then the column that gains by it, and how much. */
    @ParameterizedTest
    @CsvSource({
        "Q5_0, 2, 0, 0, 16",
        "Q5_0, 3, 7, 15, 16",
        "Q5_0, 5, 7, 31, 16",
        "Q5_0, 6, 0, 0, 1",
        "Q5_0, 6, 4, 16, 1",
        "Q5_0, 21, 3, 15, 8",
        "Q5_0, 21, 7, 31, 8",
        "Q5_1, 4, 0, 0, 16",
        "Q5_1, 7, 7, 31, 16",
        "Q5_1, 8, 1, 0, 2",
        "Q5_1, 23, 6, 31, 4",
        "Q2_K, 16, 0, 0, 1",
        "Q2_K, 16, 3, 32, 2",
        "Q2_K, 16, 4, 64, 1",
        "Q2_K, 16, 7, 96, 2",
        "Q2_K, 47, 0, 31, 1",
        "Q2_K, 48, 0, 128, 1",
        "Q2_K, 79, 6, 255, 1",
        "Q3_K, 0, 0, 0, 4",
        "Q3_K, 0, 7, 224, 4",
        "Q3_K, 31, 3, 127, 4",
        "Q3_K, 32, 0, 0, 1",
        "Q3_K, 33, 3, 33, 2",
        "Q3_K, 64, 4, 192, 1",
        "Q3_K, 95, 7, 255, 2",
        "Q4_K, 16, 0, 0, 1",
        "Q4_K, 16, 4, 32, 1",
        "Q4_K, 47, 3, 31, 8",
        "Q4_K, 48, 0, 64, 1",
        "Q4_K, 143, 7, 255, 8",
        "Q5_K, 16, 0, 0, 16",
        "Q5_K, 16, 1, 32, 16",
        "Q5_K, 47, 7, 255, 16",
        "Q5_K, 48, 0, 0, 1",
        "Q5_K, 80, 5, 96, 2",
        "Q5_K, 175, 7, 255, 8",
        "Q6_K, 0, 0, 0, 1",
        "Q6_K, 0, 4, 64, 1",
        "Q6_K, 32, 5, 96, 2",
        "Q6_K, 63, 7, 127, 8",
        "Q6_K, 64, 0, 128, 1",
        "Q6_K, 128, 0, 0, 16",
        "Q6_K, 128, 3, 32, 32",
        "Q6_K, 128, 4, 64, 16",
        "Q6_K, 128, 7, 96, 32",
        "Q6_K, 160, 0, 128, 16",
        "Q6_K, 191, 7, 255, 32",
    })
    void bitsStandWhereTheFormatHasThem(GgufType type, int at, int bit, int column, int gain) {
        int[] none = new int[type.blockColumns()];
        int[] factors = new int[type.groups()];
        Arrays.fill(factors, 1);
        byte[] block = GgufBlocks.encode(type, ONE, (short) 0, none, factors, new int[type.groups()]);
        block[at] ^= (byte) (1 << bit);
        float[] expected = new float[none.length];
        Arrays.fill(expected, -type.zero());
        expected[column] += gain;
        assertThat(decode(type, block)).containsExactly(expected);
    }

    /** As above for the scales: byte and bit, then the group whose factor or lift changes, and by how much. */
    @ParameterizedTest
    @CsvSource({
        "Q2_K, 0, 0, 0, 1, 0",
        "Q2_K, 0, 7, 0, 0, 8",
        "Q2_K, 15, 3, 15, 8, 0",
        "Q2_K, 15, 4, 15, 0, 1",
        "Q3_K, 96, 0, 0, 1, 0",
        "Q3_K, 96, 4, 8, 1, 0",
        "Q3_K, 103, 3, 7, 8, 0",
        "Q3_K, 103, 7, 15, 8, 0",
        "Q3_K, 104, 0, 0, 16, 0",
        "Q3_K, 104, 3, 4, 32, 0",
        "Q3_K, 105, 4, 9, 16, 0",
        "Q3_K, 107, 7, 15, 32, 0",
        "Q4_K, 4, 0, 0, 1, 0",
        "Q4_K, 4, 5, 0, 32, 0",
        "Q4_K, 4, 6, 4, 16, 0",
        "Q4_K, 7, 7, 7, 32, 0",
        "Q4_K, 8, 0, 0, 0, 1",
        "Q4_K, 9, 6, 5, 0, 16",
        "Q4_K, 11, 7, 7, 0, 32",
        "Q4_K, 12, 0, 4, 1, 0",
        "Q4_K, 12, 4, 4, 0, 1",
        "Q4_K, 15, 3, 7, 8, 0",
        "Q4_K, 15, 7, 7, 0, 8",
        "Q5_K, 5, 2, 1, 4, 0",
        "Q5_K, 10, 7, 6, 0, 32",
        "Q5_K, 14, 1, 6, 2, 0",
        "Q6_K, 192, 0, 0, 1, 0",
        "Q6_K, 192, 7, 0, -128, 0",
        "Q6_K, 207, 6, 15, 64, 0",
    })
    void scalesStandWhereTheFormatHasThem(GgufType type, int at, int bit, int group, int factor, int lift) {
        byte[] block = new byte[type.blockBytes()];
        var before = new BlockParts(type);
        before.read(MemorySegment.ofArray(block), 0);
        block[at] = (byte) (1 << bit);
        var after = new BlockParts(type);
        after.read(MemorySegment.ofArray(block), 0);
        for (int g = 0; g < type.groups(); g++) {
            assertThat(after.factor(g) - before.factor(g)).as("factor %d", g).isEqualTo(g == group ? factor : 0);
            assertThat(after.lift(g) - before.lift(g)).as("lift %d", g).isEqualTo(g == group ? lift : 0);
        }
    }

    @Test
    void scalesAreHalvesInTheirPlace() {
        for (GgufType type : GgufType.values()) {
            int[] range = GgufBlocks.factorRange(type);
            int[] factors = new int[type.groups()];
            Arrays.fill(factors, range[1]);
            byte[] block = GgufBlocks.encode(
                    type,
                    (short) 0x3c01,
                    (short) 0x4202,
                    new int[type.blockColumns()],
                    factors,
                    new int[type.groups()]);
            var parts = new BlockParts(type);
            parts.read(MemorySegment.ofArray(block), 0);
            assertThat(parts.scale()).isEqualTo((short) 0x3c01);
            boolean minima = GgufBlocks.greatestLift(type) != 0;
            assertThat(parts.least()).isEqualTo((short) (minima ? 0x4202 : 0));
        }
    }

    @Test
    void rowsAreBlocksOneAfterTheOther() {
        Weight weight = GgufBlocks.weight(5, 3, 512, GgufType.Q6_K);
        assertThat(weight.sizeBytes()).isEqualTo(3 * 2 * 210);
        float[] all = WeightCodec.decode(weight);
        for (int block = 0; block < 6; block++) {
            byte[] bytes = weight.values().asSlice(block * 210L, 210).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
            assertThat(Arrays.copyOfRange(all, block * 256, (block + 1) * 256))
                    .containsExactly(decode(GgufType.Q6_K, bytes));
        }
    }

    @Test
    void partsOfBlocksAndOtherSizesAreRefused() {
        var layout = new GgufBlock(GgufType.Q4_K);
        assertThatThrownBy(() -> new Weight("w", 1, 128, layout, MemorySegment.ofArray(new byte[72]), null, null))
                .hasMessage("weight w: Q4_K needs columns in multiples of 256, found 128");
        assertThatThrownBy(() -> new Weight("w", 2, 256, layout, MemorySegment.ofArray(new byte[144]), null, null))
                .hasMessage("weight w: values takes 288 bytes, memory has 144");
    }

    private static float[] decode(GgufType type, byte[] block) {
        var weight =
                new Weight("w", 1, type.blockColumns(), new GgufBlock(type), MemorySegment.ofArray(block), null, null);
        return WeightCodec.decode(weight);
    }
}
