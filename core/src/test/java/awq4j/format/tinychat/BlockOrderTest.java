package awq4j.format.tinychat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.tinychat.EngineDefinition.Coded;
import awq4j.testing.GoldenFiles;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockOrderTest {
    private static final int ROWS = 64;
    private static final int COLUMNS = 256;

    @ParameterizedTest
    @EnumSource
    void whatTheEnginesToolsPackedIsReadBitForBit(BlockOrder order) {
        try (SafetensorsFile file = fixture()) {
            Weight weight = weight(file, order);
            byte[] expected = file.tensor("codes").data().toArray(ValueLayout.JAVA_BYTE);
            float[] scales = file.tensor(order.label() + ".scales").toFloats();
            float[] values = WeightCodec.decode(weight);
            for (int i = 0; i < expected.length; i++) {
                int row = i / COLUMNS;
                assertThat(WeightCodec.code(weight, BlockOrder.LAYOUT, row, i % COLUMNS))
                        .isEqualTo(expected[i]);
                assertThat(values[i]).isEqualTo((expected[i] - 8) * scales[i / 32]);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsWrittenIsWhatTheEnginesToolsPackedBitForBit(BlockOrder order) {
        try (SafetensorsFile file = fixture()) {
            assertThat(order.stored(weight(file, order)))
                    .isEqualTo(file.tensor(order.label() + ".qs").data().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @ParameterizedTest
    @EnumSource
    void theDefinitionOfTheseTestsIsTheEnginesQuantizer(BlockOrder order) {
        try (SafetensorsFile file = fixture()) {
            Coded coded = Coded.of(file.tensor("W").toFloats());
            assertThat(coded.codes()).isEqualTo(file.tensor("codes").data().toArray(ValueLayout.JAVA_BYTE));
            assertThat(coded.scales())
                    .isEqualTo(file.tensor(order.label() + ".scales").toFloats());
            assertThat(coded.stored(order))
                    .isEqualTo(file.tensor(order.label() + ".qs").data().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** More runs than one thread takes, and no whole number of what it takes. */
    @ParameterizedTest
    @EnumSource
    void largeMatricesComeBackAsTheyWere(BlockOrder order) {
        Weight weight = Samples.grouped(5, 1027, 2048, 4, 32, ZeroPoint.MIDDLE);
        MemorySegment stored = MemorySegment.ofArray(order.stored(weight));
        assertThat(MemorySegment.ofArray(order.natural(stored)).mismatch(weight.values()))
                .isEqualTo(-1);
        assertThat(stored.mismatch(weight.values())).isNotEqualTo(-1);
    }

    @Test
    void onlyItsOwnOrderExplainsCodesUnlessTheyDifferWithinBlocks() {
        Coded coded = Coded.of(Samples.floats(3, 40 * 64));
        MemorySegment scales = MemorySegment.ofArray(coded.scales());
        for (BlockOrder stored : BlockOrder.values()) {
            MemorySegment codes = MemorySegment.ofArray(coded.stored(stored));
            for (BlockOrder assumed : BlockOrder.values()) {
                boolean same = (stored == BlockOrder.QM_X86) == (assumed == BlockOrder.QM_X86);
                assertThat(assumed.explains(codes, scales))
                        .as("%s read as %s", stored, assumed)
                        .isEqualTo(same);
            }
        }
    }

    @Test
    void blocksOfZerosHaveNoLeastCode() {
        Coded coded = Coded.of(new float[64]);
        assertThat(coded.codes()).containsOnly(8);
        assertThat(BlockOrder.QM_ARM.explains(
                        MemorySegment.ofArray(coded.stored(BlockOrder.QM_ARM)), MemorySegment.ofArray(coded.scales())))
                .isTrue();
    }

    @Test
    void otherLayoutsAndOddNumbersOfBlocksAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BlockOrder.QM_X86.stored(Samples.grouped(1, 3, 32, 4, 32, ZeroPoint.MIDDLE)))
                .withMessageContaining("QM_x86 holds 4 bits in groups of 32")
                .withMessageContaining("[3, 32]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BlockOrder.QM_ARM.stored(Samples.grouped(1, 4, 64, 4, 64, ZeroPoint.MIDDLE)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BlockOrder.QM_ARM.stored(Samples.grouped(1, 4, 64, 4, 32, ZeroPoint.INTEGER)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BlockOrder.QM_X86.natural(MemorySegment.ofArray(new byte[33])));
        assertThat(BlockOrder.QM_ARM.fits(3, 32)).isTrue();
        assertThat(BlockOrder.QM_X86.fits(3, 32)).isFalse();
        assertThat(BlockOrder.QM_ARM.fits(3, 48)).isFalse();
    }

    private static SafetensorsFile fixture() {
        return SafetensorsFile.open(GoldenFiles.path("quantization/unit/tinychatengine.safetensors"));
    }

    private static Weight weight(SafetensorsFile file, BlockOrder order) {
        return new Weight(
                "w",
                ROWS,
                COLUMNS,
                BlockOrder.LAYOUT,
                MemorySegment.ofArray(
                        order.natural(file.tensor(order.label() + ".qs").data())),
                file.tensor(order.label() + ".scales").data(),
                null);
    }
}
