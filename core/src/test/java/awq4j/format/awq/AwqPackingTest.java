package awq4j.format.awq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.UnsupportedModelException;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class AwqPackingTest {
    private static final int ROWS = 64;
    private static final int COLUMNS = 512;

    @ParameterizedTest
    @MethodSource("versionsAndGroups")
    void unpackGivesTheGoldenCodesZerosAndScales(Version version, int groupSize) {
        try (var golden = SafetensorsFile.open(GoldenFiles.path("quantization/unit/awq_packings.safetensors"))) {
            Weight weight = AwqPacking.unpack("w", version, 4, groupSize, packed(golden, version, groupSize));
            assertThat(AwqPacking.shape("w", version, packed(golden, version, groupSize)))
                    .isEqualTo(Shape.of(ROWS, COLUMNS));
            var layout = (Grouped) weight.layout();
            String g = "g" + groupSize;
            assertThat(codes(weight, layout))
                    .isEqualTo(golden.tensor(g + ".codes").data().toArray(ValueLayout.JAVA_BYTE));
            assertThat(bytes(weight.zeros()))
                    .isEqualTo(golden.tensor(g + ".zeros").data().toArray(ValueLayout.JAVA_BYTE));
            assertThat(floats(weight)).isEqualTo(golden.tensor(g + ".scales").toFloats());
            float[] decoded = WeightCodec.decode(weight);
            assertThat(Tensor.ofFloats(decoded, ROWS, COLUMNS).as(DType.F16).toFloats())
                    .isEqualTo(golden.tensor(g + ".dq").toFloats());
        }
    }

    private static List<Arguments> versionsAndGroups() {
        return Stream.of(Version.GEMM, Version.GEMV, Version.GEMV_FAST)
                .flatMap(version -> Stream.of(128, 64, 32).map(size -> Arguments.of(version, size)))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("versionsAndGroups")
    void packGivesTheGoldenTensors(Version version, int groupSize) {
        try (var golden = SafetensorsFile.open(GoldenFiles.path("quantization/unit/awq_packings.safetensors"))) {
            String g = "g" + groupSize;
            byte[] codes = golden.tensor(g + ".codes").data().toArray(ValueLayout.JAVA_BYTE);
            byte[] nibbles = new byte[codes.length / 2];
            for (int i = 0; i < nibbles.length; i++) {
                nibbles[i] = (byte) (codes[2 * i] | (codes[2 * i + 1] << 4));
            }
            var weight = new Weight(
                    "w",
                    ROWS,
                    COLUMNS,
                    new Grouped(4, groupSize, ZeroPoint.INTEGER),
                    MemorySegment.ofArray(nibbles),
                    MemorySegment.ofArray(golden.tensor(g + ".scales").toFloats()),
                    golden.tensor(g + ".zeros").data());
            Packed packed = AwqPacking.pack(weight, version);
            assertSame(packed, packed(golden, version, groupSize));
            assertThat(AwqPacking.sizeBytes(version, ROWS, COLUMNS, (Grouped) weight.layout()))
                    .isEqualTo(packed.qweight().data().byteSize()
                            + packed.qzeros().data().byteSize()
                            + packed.scales().data().byteSize());
        }
    }

    /** What llm-awq's own layer holds; its float zeros give the integers back. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama_tiny self_attn.k_proj",
                "llama_tiny self_attn.v_proj",
                "llama_tiny mlp.down_proj",
                "opt_tiny self_attn.k_proj",
                "opt_tiny self_attn.v_proj",
                "opt_tiny fc2"
            })
    void bufferOfTinyChatComesBack(String modelAndLinear) {
        String[] names = modelAndLinear.split(" ", -1);
        Path file = GoldenFiles.path("quantization/" + names[0] + "/tinychat_v2_layer0_w4g128.safetensors");
        try (var golden = SafetensorsFile.open(file)) {
            var stored = new Packed(
                    golden.tensor(names[1] + ".qweight"),
                    golden.tensor(names[1] + ".scaled_zeros"),
                    golden.tensor(names[1] + ".scales"));
            Weight weight = AwqPacking.unpack("w", Version.GEMV_FAST, 4, 128, stored);
            assertThat(weight.layout()).isEqualTo(new Grouped(4, 128, ZeroPoint.INTEGER));
            assertSame(AwqPacking.pack(weight, Version.GEMV_FAST), stored);
        }
    }

    @Test
    void floatZerosThatWereNoIntegersBecomeBiases() {
        Weight weight = random(8, 128, new Grouped(4, 64, ZeroPoint.INTEGER), 3);
        Packed packed = AwqPacking.pack(weight, Version.GEMV_FAST);
        float[] zeros = packed.qzeros().toFloats();
        zeros[3] = -0.37f; // of row 3, group 0
        var changed = new Packed(packed.qweight(), Tensor.ofFloats(zeros, 16, 8).as(DType.F16), packed.scales());
        Weight back = AwqPacking.unpack("w", Version.GEMV_FAST, 4, 64, changed);
        assertThat(back.layout()).isEqualTo(new Grouped(4, 64, ZeroPoint.FLOAT));
        float[] row = new float[128];
        WeightCodec.decodeRow(back, 3, row);
        var layout = (Grouped) back.layout();
        assertThat(row[5])
                .isEqualTo(WeightCodec.scale(back, layout, 3, 0) * WeightCodec.code(back, layout, 3, 5)
                        + Float.float16ToFloat(Float.floatToFloat16(-0.37f)));
        assertThatThrownBy(() -> AwqPacking.pack(back)).hasMessage("weight w has biases, AWQ version gemm packs zeros");
        assertSame(AwqPacking.pack(back, Version.GEMV_FAST), changed);
    }

    /** Bytes 0 to 3 hold rows 0, 2, 1, 3, which is how vLLM reads eight bits. */
    @Test
    void wordsOfEightBitsAreShuffledToo() {
        Weight weight = random(16, 64, new Grouped(8, 32, ZeroPoint.INTEGER), 9);
        Packed packed = AwqPacking.pack(weight, Version.GEMM);
        assertThat(packed.qweight().shape()).isEqualTo(Shape.of(64, 4));
        Weight back = AwqPacking.unpack("w", Version.GEMM, 8, 32, packed);
        assertEqual(back, weight, 8);
        assertThat(AwqPacking.pack(column(8, 0, 1, 2, 3, 4, 5, 6, 7), Version.GEMM)
                        .qweight()
                        .toInts())
                .containsExactly(0x03010200, 0x07050604);
    }

    /** Rows below, at and above a word's worth; columns that leave a tail; every width. */
    @ParameterizedTest
    @CsvSource({"1,1,1", "7,9,4", "8,128,128", "33,100,32", "65,257,64", "130,31,31", "11,300,128"})
    void densePackingKeepsEveryWidth(int rows, int columns, int groupSize) {
        for (int bits : new int[] {2, 3, 5, 6, 7, 8}) {
            Weight weight = random(rows, columns, new Grouped(bits, groupSize, ZeroPoint.INTEGER), 31 * bits + rows);
            Packed packed = AwqPacking.pack(weight);
            assertThat(packed.qweight().shape()).isEqualTo(Shape.of(columns, (rows * bits + 31) / 32));
            Weight back = AwqPacking.unpack("w", Version.DENSE, bits, groupSize, packed);
            assertEqual(back, weight, bits);
            assertSame(AwqPacking.pack(back), packed);
        }
    }

    /** Words and columns are taken apart in blocks of 64 and 128, 16 columns at once. */
    @ParameterizedTest
    @CsvSource({"8, 1", "8, 2", "16, 15", "24, 16", "8, 17", "520, 33", "512, 128", "1032, 129", "8, 1023", "16, 1154"})
    void blocksOfAnySizeComeBack(int rows, int columns) {
        Weight weight = random(rows, columns, new Grouped(4, columns, ZeroPoint.INTEGER), 1000L * rows + columns);
        assertEqual(AwqPacking.unpack("w", Version.GEMM, 4, columns, AwqPacking.pack(weight, Version.GEMM)), weight, 4);
    }

    /** Bit k of the stream is bit k of the column's words: row 10 of 3-bit codes spans words 0 and 1. */
    @Test
    void denseCodesFollowEachOtherWithoutGaps() {
        byte[] codes = new byte[11];
        codes[0] = 5;
        codes[10] = 6;
        var weight = new Weight(
                "w",
                11,
                1,
                new Grouped(3, 1, ZeroPoint.MIDDLE),
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(new float[11]),
                null);
        Packed packed = AwqPacking.pack(weight);
        assertThat(packed.qweight().toInts()).containsExactly(5 | (6 << 30), 6 >>> 2);
        assertThat(packed.qzeros().toInts()[0]).isEqualTo(0b00100100100100100100100100100100);
    }

    /** The words that docs/formats/awq-packing.md shows. */
    @Test
    void documentedWordsAreRight() {
        assertThat(AwqPacking.pack(column(4, 0, 1, 2, 3, 4, 5, 6, 7)).qweight().toInts())
                .containsExactly(0x75316420);
        assertThat(AwqPacking.pack(column(3, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 6))
                        .qweight()
                        .toInts())
                .containsExactly(0x88fac688, 1);
    }

    /** A matrix of a single column. */
    private static Weight column(int bits, int... codes) {
        byte[] values = new byte[codes.length];
        for (int i = 0; i < codes.length; i++) {
            values[i] = (byte) codes[i];
        }
        return new Weight(
                "w",
                codes.length,
                1,
                new Grouped(bits, 1, ZeroPoint.MIDDLE),
                MemorySegment.ofArray(values),
                MemorySegment.ofArray(new float[codes.length]),
                null);
    }

    @Test
    void wholeRowsAreOneGroup() {
        Weight weight = random(16, 96, new Grouped(4, 96, ZeroPoint.INTEGER), 5);
        Weight back = AwqPacking.unpack("w", Version.GEMM, 4, -1, AwqPacking.pack(weight));
        assertEqual(back, weight, 4);
    }

    @Test
    void symmetricWeightsAreStoredWithTheirMiddle() {
        Weight weight = random(8, 64, new Grouped(4, 32, ZeroPoint.MIDDLE), 6);
        Weight back = AwqPacking.unpack("w", Version.GEMM, 4, 32, AwqPacking.pack(weight));
        assertThat(WeightCodec.decode(back)).isEqualTo(WeightCodec.decode(weight));
        assertThat(bytes(back.zeros())).containsOnly(8);
    }

    @Test
    void whatDoesNotFitIsToldBeforehand() {
        assertThat(AwqPacking.fits(Version.GEMM, 16, 256, 128)).isTrue();
        assertThat(AwqPacking.fits(Version.GEMM, 12, 256, 128)).isFalse();
        assertThat(AwqPacking.fits(Version.GEMM, 16, 200, 128)).isFalse();
        assertThat(AwqPacking.fits(Version.DENSE, 13, 200, 128)).isTrue();
        Weight odd = random(12, 128, new Grouped(4, 128, ZeroPoint.INTEGER), 7);
        assertThatThrownBy(() -> AwqPacking.pack(odd))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("weight w: 12 x 128 does not fit the packing with group size 128");
        assertThat(AwqPacking.fits(Version.GEMV, 8, 96, 96)).as("groups of 96").isFalse();
        assertThat(AwqPacking.fits(Version.GEMV, 8, 192, 64)).isTrue();
        assertThat(AwqPacking.fits(Version.GEMV_FAST, 4, 192, 64)).isTrue();
        assertThat(AwqPacking.fits(Version.GEMV_FAST, 4, 96, 32))
                .as("stretches of 64")
                .isFalse();
        assertThat(AwqPacking.fits(Version.GEMV_FAST, 6, 128, 128))
                .as("four rows")
                .isFalse();
        Weight wide = random(8, 128, new Grouped(8, 128, ZeroPoint.INTEGER), 7);
        assertThatThrownBy(() -> AwqPacking.pack(wide, Version.GEMV)).hasMessageContaining("does not fit the packing");
        Weight ordered = Samples.inRandomOrder(1, random(8, 128, new Grouped(4, 128, ZeroPoint.INTEGER), 7));
        assertThatThrownBy(() -> AwqPacking.pack(ordered))
                .hasMessage("weight w has its columns in an order of their own, which AWQ has no place for");
    }

    @Test
    void tensorsOfTheOtherVersionsThatDoNotFitTogetherAreRefused() {
        refused(Version.GEMV, new Packed(ints(16, 32), ints(16, 1), halves(16, 8)), 128, "");
        refused(
                Version.GEMV,
                new Packed(ints(16, 32), ints(16, 2), halves(16, 8)),
                128,
                "w.qzeros: expected [16, 1], found [16, 2]");
        refused(
                Version.GEMV,
                new Packed(ints(16, 32), ints(16, 1), halves(16, 2)),
                128,
                "w.scales: expected [16, 8], found [16, 2]");
        refused(
                Version.GEMV,
                new Packed(ints(16, 32), ints(16, 1), halves(16, 8)),
                16,
                "w: 16 x 256 cannot be packed with group size 16");
        var shorts = new Tensor(DType.I16, Shape.of(4, 256), MemorySegment.ofArray(new short[1024]));
        refused(Version.GEMV_FAST, new Packed(shorts, halves(8, 16), halves(8, 16)), 128, "");
        refused(
                Version.GEMV_FAST,
                new Packed(ints(4, 256), halves(8, 16), halves(8, 16)),
                128,
                "w.qweight: expected I16, found I32");
        refused(
                Version.GEMV_FAST,
                new Packed(shorts, ints(8, 16), halves(8, 16)),
                128,
                "w.qzeros: expected floats, found I32");
        refused(
                Version.GEMV_FAST,
                new Packed(shorts, halves(8, 16), halves(2, 16)),
                128,
                "w.scales: expected [8, 16], found [2, 16]");
        refused(
                Version.GEMV_FAST,
                new Packed(
                        new Tensor(DType.I16, Shape.of(1L << 30, 0), MemorySegment.NULL), halves(8, 16), halves(8, 16)),
                128,
                "w.qweight: expected extents from 1 to 536870911, found [1073741824, 0]");
    }

    private static void refused(Version version, Packed packed, int groupSize, String message) {
        if (message.isEmpty()) {
            assertThat(AwqPacking.unpack("w", version, 4, groupSize, packed).rows())
                    .isEqualTo(16);
            return;
        }
        assertThatThrownBy(() -> AwqPacking.unpack("w", version, 4, groupSize, packed))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(message);
    }

    @Test
    void tensorsThatDoNotFitTogetherAreRefused() {
        Tensor q = ints(256, 4);
        Tensor z = ints(2, 4);
        Tensor s = halves(2, 32);
        refused(new Packed(q, z, halves(2, 40)), 128, "w.qweight: expected [256, 5], found [256, 4]");
        refused(new Packed(q, ints(4, 4), s), 128, "w.qzeros: expected [2, 4], found [4, 4]");
        refused(new Packed(q, z, halves(4, 32)), 128, "w.scales: expected [2, 32], found [4, 32]");
        refused(new Packed(q, z, s), 100, "w: 32 x 256 cannot be packed with group size 100");
        refused(new Packed(q, z, s), Integer.MAX_VALUE, "w: 32 x 256 cannot be packed with group size 2147483647");
        refused(new Packed(halves(256, 4), z, s), 128, "w.qweight: expected I32, found F16");
        refused(new Packed(q, z, ints(2, 32)), 128, "w.scales: expected floats, found I32");
        refused(new Packed(q, z, halves(64)), 128, "w.scales: expected two extents, found [64]");
        refused(
                new Packed(new Tensor(DType.I32, Shape.of(0, 1L << 40), MemorySegment.NULL), z, s),
                -1,
                "w.qweight: expected extents from 1 to 2^31 - 1, found [0, 1099511627776]");
        refused(
                new Packed(q, z, new Tensor(DType.F16, Shape.of(0, 1L << 40), MemorySegment.NULL)),
                128,
                "w.scales: expected extents from 1 to 2^31 - 1, found [0, 1099511627776]");
    }

    private static void refused(Packed packed, int groupSize, String message) {
        assertThatThrownBy(() -> AwqPacking.unpack("w", Version.GEMM, 4, groupSize, packed))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(message);
    }

    private static Packed packed(SafetensorsFile golden, Version version, int groupSize) {
        String prefix = "g" + groupSize + "." + version.label() + ".";
        return new Packed(
                golden.tensor(prefix + "qweight"), golden.tensor(prefix + "qzeros"), golden.tensor(prefix + "scales"));
    }

    static void assertSame(Packed actual, Packed expected) {
        assertSame(actual.qweight(), expected.qweight());
        assertSame(actual.qzeros(), expected.qzeros());
        assertSame(actual.scales(), expected.scales());
    }

    private static void assertSame(Tensor actual, Tensor expected) {
        assertThat(actual.dtype()).isEqualTo(expected.dtype());
        assertThat(actual.shape()).isEqualTo(expected.shape());
        assertThat(actual.data().mismatch(expected.data())).isEqualTo(-1);
    }

    private static void assertEqual(Weight actual, Weight expected, int bits) {
        assertThat(actual.layout()).as("bits %d", bits).isEqualTo(expected.layout());
        assertThat(actual.values().mismatch(expected.values()))
                .as("codes, bits %d", bits)
                .isEqualTo(-1);
        assertThat(actual.scales().mismatch(expected.scales()))
                .as("scales, bits %d", bits)
                .isEqualTo(-1);
        assertThat(actual.zeros().mismatch(expected.zeros()))
                .as("zeros, bits %d", bits)
                .isEqualTo(-1);
    }

    /** Codes, zeros and scales that a file can hold, over their whole range. */
    private static Weight random(int rows, int columns, Grouped layout, long seed) {
        var random = new Random(seed);
        byte[] values = new byte[rows * layout.rowBytes(columns)];
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < columns; k++) {
                int code = random.nextInt(1 << layout.bits());
                int at = row * layout.rowBytes(columns) + (layout.storageBits() == 4 ? k / 2 : k);
                values[at] |= (byte) (layout.storageBits() == 4 ? code << (4 * (k % 2)) : code);
            }
        }
        float[] scales = new float[rows * layout.groups(columns)];
        byte[] zeros = new byte[scales.length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = Float.float16ToFloat(Float.floatToFloat16(random.nextFloat() / 16));
            zeros[i] = (byte) random.nextInt(1 << layout.bits());
        }
        return new Weight(
                "w",
                rows,
                columns,
                layout,
                MemorySegment.ofArray(values),
                MemorySegment.ofArray(scales),
                layout.zeroPoint() == ZeroPoint.MIDDLE ? null : MemorySegment.ofArray(zeros));
    }

    private static byte[] codes(Weight weight, Grouped layout) {
        byte[] codes = new byte[weight.rows() * weight.columns()];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) WeightCodec.code(weight, layout, i / weight.columns(), i % weight.columns());
        }
        return codes;
    }

    private static byte[] bytes(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    private static float[] floats(Weight weight) {
        return weight.scales().toArray(ValueLayout.JAVA_FLOAT);
    }

    private static Tensor ints(int... dims) {
        return Tensor.ofInts(new int[dims[0] * dims[1]], dims[0], dims[1]);
    }

    private static Tensor halves(int... dims) {
        int count = 1;
        for (int dim : dims) {
            count *= dim;
        }
        Tensor flat = Tensor.ofFloats(new float[count], count).as(DType.F16);
        return new Tensor(DType.F16, dims.length == 1 ? Shape.of(dims[0]) : Shape.of(dims[0], dims[1]), flat.data());
    }
}
