package awq4j.format.gptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gptq.GptqPacking.Packed;
import awq4j.format.gptq.GptqPacking.Version;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import awq4j.testing.Samples;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqPackingTest {
    private static List<Arguments> goldenFiles() {
        return Stream.of("llama_tiny", "opt_tiny")
                .flatMap(model -> Stream.of(
                        Arguments.of(model, "gptq_w4g128_packed_layer0_kv", 4),
                        Arguments.of(model, "gptq_w3g128_packed_layer0_kv", 3),
                        Arguments.of(model, "gptq_w4g128_actorder_static_packed_layer0_kv", 4)))
                .toList();
    }

    /** Codes by the formulas of the format, straight from the words. */
    @ParameterizedTest
    @MethodSource("goldenFiles")
    void goldenLinearsAreUnpackedAndPackedAgainBitByBit(String model, String name, int bits) {
        try (var golden =
                SafetensorsFile.open(GoldenFiles.path("quantization/" + model + "/" + name + ".safetensors"))) {
            List<String> linears = golden.names().stream()
                    .filter(tensor -> tensor.endsWith(".qweight"))
                    .map(tensor -> tensor.substring(0, tensor.length() - ".qweight".length()))
                    .toList();
            assertThat(linears).hasSize(2);
            for (String linear : linears) {
                Packed stored = packed(golden, linear);
                Weight weight = GptqPacking.unpack(linear, Version.V1, bits, 128, stored);
                assertThat(weight.inputOrder()).as("static groups lie in order").isNull();
                assertMeans(weight, stored, bits);
                assertSame(GptqPacking.pack(weight, Version.V1), stored);
            }
        }
    }

    private static Packed packed(SafetensorsFile golden, String linear) {
        return new Packed(
                golden.tensor(linear + ".qweight"),
                golden.tensor(linear + ".qzeros"),
                golden.tensor(linear + ".scales"),
                golden.tensor(linear + ".g_idx"));
    }

    private static void assertMeans(Weight weight, Packed stored, int bits) {
        int[] qweight = stored.qweight().toInts();
        int[] qzeros = stored.qzeros().toInts();
        float[] scales = stored.scales().toFloats();
        int[] groupOf = stored.groupIndex().toInts();
        var layout = (Grouped) weight.layout();
        int rows = weight.rows();
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < weight.columns(); k++) {
                int code = bits == 4
                        ? (qweight[k / 8 * rows + row] >>> (k % 8 * 4)) & 15
                        : three(qweight, k / 32 * 3 * rows + row, rows, k % 32);
                int g = groupOf[k];
                int words = rows * bits / 32;
                int zero = bits == 4
                        ? (qzeros[g * words + row / 8] >>> (row % 8 * 4)) & 15
                        : three(qzeros, g * words + row / 32 * 3, 1, row % 32);
                if (WeightCodec.code(weight, layout, row, k) != code
                        || WeightCodec.zero(weight, layout, row, g) != zero + 1
                        || WeightCodec.scale(weight, layout, row, g) != scales[g * rows + row]) {
                    throw new AssertionError(weight.name() + " differs at row " + row + ", column " + k);
                }
            }
        }
    }

    /** Code i of 32 in three words: 10 whole ones, one across, 10, one across, 10. */
    private static int three(int[] words, int at, int stride, int i) {
        int w0 = words[at];
        int w1 = words[at + stride];
        int w2 = words[at + 2 * stride];
        if (i < 10) {
            return (w0 >>> (3 * i)) & 7;
        }
        if (i == 10) {
            return ((w0 >>> 30) & 3) | ((w1 & 1) << 2);
        }
        if (i < 21) {
            return (w1 >>> (3 * (i - 11) + 1)) & 7;
        }
        return i == 21 ? (w1 >>> 31) | ((w2 & 3) << 1) : (w2 >>> (3 * (i - 22) + 2)) & 7;
    }

    @Test
    void everyWidthComesBackInEitherVersionAndAnyOrder() {
        for (int bits : GptqPacking.WIDTHS) {
            for (int group : new int[] {32, 64, 256, 100}) {
                Weight plain = halves(Samples.grouped(bits, 96, 256, bits, group, ZeroPoint.INTEGER));
                for (Weight weight : List.of(plain, ordered(plain, group))) {
                    for (Version version : Version.values()) {
                        Packed packed = GptqPacking.pack(weight, version);
                        assertThat(packed.qweight().shape()).isEqualTo(Shape.of(256 * bits / 32, 96));
                        assertThat(GptqPacking.sizeBytes(96, 256, (Grouped) weight.layout()))
                                .isEqualTo(packed.qweight().data().byteSize()
                                        + packed.qzeros().data().byteSize()
                                        + packed.scales().data().byteSize()
                                        + packed.groupIndex().data().byteSize());
                        Weight back = GptqPacking.unpack("grouped", version, bits, group, packed);
                        assertEqual(back, weight);
                        assertSame(GptqPacking.pack(back, version), packed);
                    }
                }
            }
        }
    }

    /** Whole words are put in order in blocks of 16 words and 128 rows. */
    @Test
    void blocksOfAnySizeComeBack() {
        for (int bits : new int[] {4, 8}) {
            for (int rows : new int[] {8, 120, 128, 136, 264}) {
                for (int columns : new int[] {8, 16, 120, 128, 136, 264}) {
                    Weight weight = halves(Samples.grouped(bits, rows, columns, bits, 64, ZeroPoint.INTEGER));
                    assertEqual(
                            GptqPacking.unpack("grouped", Version.V2, bits, 64, GptqPacking.pack(weight, Version.V2)),
                            weight);
                }
            }
        }
    }

    /** Act-order as GPTQ makes it: the columns of a group lie anywhere, in ascending order. */
    private static Weight ordered(Weight weight, int group) {
        var random = new java.util.SplittableRandom(group);
        int columns = weight.columns();
        int[] groupOf = new int[columns];
        for (int i = 0; i < columns; i++) {
            groupOf[i] = i / group;
        }
        for (int i = columns - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            int kept = groupOf[i];
            groupOf[i] = groupOf[other];
            groupOf[other] = kept;
        }
        InputOrder order = awq4j.format.GroupIndex.order("g", Tensor.ofInts(groupOf, columns), columns, group);
        return new Weight(
                weight.name(),
                weight.rows(),
                columns,
                weight.layout(),
                weight.values(),
                weight.scales(),
                weight.zeros(),
                order);
    }

    /** What GPTQ means: value of row n and input k = scale of k's group * (code of k - zero of k's group). */
    @Test
    void groupsSpreadOverTheRowDecodeInTheOrderOfInputs() {
        Weight weight = ordered(halves(Samples.grouped(3, 32, 64, 4, 16, ZeroPoint.INTEGER)), 16);
        Packed packed = GptqPacking.pack(weight, Version.V1);
        int[] qweight = packed.qweight().toInts();
        int[] qzeros = packed.qzeros().toInts();
        float[] scales = packed.scales().toFloats();
        int[] groupOf = packed.groupIndex().toInts();
        float[] decoded = WeightCodec.decode(GptqPacking.unpack("w", Version.V1, 4, 16, packed));
        boolean monotone = true;
        for (int n = 0; n < 32; n++) {
            for (int k = 0; k < 64; k++) {
                int g = groupOf[k];
                int code = (qweight[k / 8 * 32 + n] >>> (k % 8 * 4)) & 15;
                int zero = (((qzeros[g * 4 + n / 8] >>> (n % 8 * 4)) & 15) + 1) & 15;
                assertThat(decoded[n * 64 + k]).isEqualTo(scales[g * 32 + n] * (code - zero));
                monotone &= k == 0 || groupOf[k] >= groupOf[k - 1];
            }
        }
        assertThat(monotone).isFalse();
    }

    /** A zero of 0 less one is the greatest code, not a borrow from the neighbour. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 8})
    void zeroLessOneWrapsWithinItsCode(int bits) {
        int greatest = (1 << bits) - 1;
        byte[] zeros = new byte[32];
        zeros[1] = 5;
        zeros[31] = (byte) greatest;
        zeros[1] &= (byte) greatest;
        var layout = new Grouped(bits, 32, ZeroPoint.INTEGER);
        var weight = new Weight(
                "w",
                32,
                32,
                layout,
                MemorySegment.ofArray(new byte[32 * layout.rowBytes(32)]),
                MemorySegment.ofArray(new float[32]),
                MemorySegment.ofArray(zeros));
        Packed packed = GptqPacking.pack(weight, Version.V1);
        int first = packed.qzeros().toInts()[0];
        assertThat(first & greatest).isEqualTo(greatest);
        assertThat((first >>> bits) & greatest).isEqualTo((zeros[1] & 0xff) - 1);
        assertThat((first >>> (2 * bits)) & greatest).isEqualTo(greatest);
        assertThat(GptqPacking.unpack("w", Version.V1, bits, 32, packed).zeros().toArray(ValueLayout.JAVA_BYTE))
                .containsExactly(zeros);
        assertThat(GptqPacking.pack(weight, Version.V2).qzeros().toInts()[0] & greatest)
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void symmetricCheckpointHasTheMiddleEverywhere(String model) {
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path("quantization/" + model + "/gptq_v1_ckpt"))) {
            assertThat(checkpoint.quantization())
                    .contains(new Checkpoint.Quantization("gptq", 4, 128, true, "gptq", List.of()));
            List<String> linears = checkpoint.names().stream()
                    .filter(name -> name.endsWith(".qweight"))
                    .map(name -> name.substring(0, name.length() - ".qweight".length()))
                    .toList();
            assertThat(linears).hasSizeGreaterThan(10);
            for (String linear : linears) {
                Weight weight = checkpoint.linear(linear);
                assertThat(weight.zeros().toArray(ValueLayout.JAVA_BYTE)).containsOnly(8);
                assertThat(checkpoint.matrixShape(linear)).isEqualTo(Shape.of(weight.rows(), weight.columns()));
                Packed again = GptqPacking.pack(weight, Version.V1);
                assertThat(again.qweight()
                                .data()
                                .mismatch(checkpoint.tensor(linear + ".qweight").data()))
                        .as(linear)
                        .isEqualTo(-1);
                assertThat(again.qzeros().toInts()).containsOnly(0x77777777);
            }
        }
    }

    @Test
    void tensorsThatDoNotFitTogetherAreRefused() {
        Tensor q = ints(32, 64);
        Tensor z = ints(2, 8);
        Tensor s = floats(2, 64);
        Tensor g = awq4j.format.GroupIndex.of(256, 128, null);
        refused(4, 128, new Packed(q, ints(2, 4), s, g), "w.qzeros: expected [2, 8], found [2, 4]");
        refused(4, 128, new Packed(q, z, floats(2, 32), g), "w.scales: expected [2, 64], found [2, 32]");
        refused(4, 128, new Packed(q, z, ints(2, 64), g), "w.scales: expected floats, found I32");
        refused(4, 64, new Packed(q, z, s, g), "w.qzeros: expected [4, 8], found [2, 8]");
        refused(8, 128, new Packed(q, z, s, g), "w.qzeros: expected [1, 16], found [2, 8]");
        refused(3, 128, new Packed(q, z, s, g), "w.qweight: 32 words a row do not hold whole codes of 3 bits");
        refused(4, 128, new Packed(floats(32, 64), z, s, g), "w.qweight: expected I32, found F32");
        refused(4, 128, new Packed(q, z, s, ints1(128)), "w.g_idx: expected [256], found [128]");
        refused(
                4,
                128,
                new Packed(new Tensor(DType.I32, Shape.of(1L << 30, 0), MemorySegment.NULL), z, s, g),
                "w.qweight: 1073741824 words a row do not hold whole codes of 4 bits");
        assertThat(GptqPacking.unpack("w", Version.V1, 4, 128, new Packed(q, z, s, null))
                        .columns())
                .as("without g_idx")
                .isEqualTo(256);
    }

    @Test
    void whatGptqCannotHoldIsRefused() {
        assertThat(GptqPacking.fits(4, 8, 8)).isTrue();
        assertThat(GptqPacking.fits(4, 12, 8)).isFalse();
        assertThat(GptqPacking.fits(3, 32, 48)).isFalse();
        assertThat(GptqPacking.fits(8, 4, 4)).isTrue();
        Weight five = Samples.grouped(1, 32, 32, 5, 32, ZeroPoint.INTEGER);
        assertThatThrownBy(() -> GptqPacking.pack(five, Version.V1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("weight grouped: 32 x 32 does not fit GPTQ's packing of 5 bits");
        Weight biased = Samples.grouped(1, 32, 32, 4, 32, ZeroPoint.FLOAT);
        assertThatThrownBy(() -> GptqPacking.pack(biased, Version.V1))
                .hasMessageStartingWith("weight grouped has no codes with zeros that GPTQ could pack");
        assertThatThrownBy(() -> GptqPacking.Version.of("marlin"))
                .hasMessage("GPTQ checkpoint_format \"marlin\" is not supported; supported: gptq, gptq_v2");
    }

    private static void refused(int bits, int groupSize, Packed packed, String message) {
        assertThatThrownBy(() -> GptqPacking.unpack("w", Version.V1, bits, groupSize, packed))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(message);
    }

    /** The weight with scales that float16 holds. */
    private static Weight halves(Weight weight) {
        float[] scales = weight.scales().toArray(ValueLayout.JAVA_FLOAT);
        for (int i = 0; i < scales.length; i++) {
            scales[i] = Float.float16ToFloat(Float.floatToFloat16(scales[i]));
        }
        return new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                weight.layout(),
                weight.values(),
                MemorySegment.ofArray(scales),
                weight.zeros());
    }

    private static void assertEqual(Weight actual, Weight expected) {
        assertThat(actual.layout()).isEqualTo(expected.layout());
        assertThat(actual.inputOrder()).isEqualTo(expected.inputOrder());
        assertThat(actual.values().mismatch(expected.values())).isEqualTo(-1);
        assertThat(actual.scales().mismatch(expected.scales())).isEqualTo(-1);
        assertThat(actual.zeros().mismatch(expected.zeros())).isEqualTo(-1);
    }

    private static void assertSame(Packed actual, Packed expected) {
        assertSame(actual.qweight(), expected.qweight());
        assertSame(actual.qzeros(), expected.qzeros());
        assertSame(actual.scales(), expected.scales());
        assertSame(actual.groupIndex(), expected.groupIndex());
    }

    private static void assertSame(@Nullable Tensor actual, @Nullable Tensor expected) {
        assertThat(actual.dtype()).isEqualTo(expected.dtype());
        assertThat(actual.shape()).isEqualTo(expected.shape());
        assertThat(actual.data().mismatch(expected.data())).isEqualTo(-1);
    }

    private static Tensor ints(int... dims) {
        return Tensor.ofInts(new int[dims[0] * dims[1]], dims[0], dims[1]);
    }

    private static Tensor ints1(int size) {
        return Tensor.ofInts(new int[size], size);
    }

    private static Tensor floats(int rows, int columns) {
        return Tensor.ofFloats(new float[rows * columns], rows, columns);
    }
}
