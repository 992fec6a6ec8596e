package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Mutations.Outcome;
import awq4j.format.awq.AwqPacking;
import awq4j.format.gptq.GptqPacking;
import awq4j.format.pickle.TorchModels;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Models of one packed linear in every packing: damaged headers, shapes, words and configurations. */
class PackingMutationTest {
    /** Of each kind ten thousand files in all: its tensors, header and body, and its configuration. */
    private static final int TENSOR_FILES = 7_000;

    private static final int CONFIGURATIONS = 3_000;

    @TempDir
    private Path folder;

    enum Kind {
        GEMM("awq", "\"bits\":4,\"group_size\":32,\"zero_point\":true,\"version\":\"gemm\""),
        GEMV("awq", "\"bits\":4,\"group_size\":32,\"zero_point\":true,\"version\":\"gemv\""),
        GEMV_FAST("awq", "\"bits\":4,\"group_size\":32,\"zero_point\":true,\"version\":\"gemv_fast\""),
        DENSE("awq", "\"w_bit\":3,\"q_group_size\":32,\"version\":\"awq4j-dense\""),
        GPTQ("gptq", "\"bits\":4,\"group_size\":32,\"desc_act\":true,\"sym\":false,\"checkpoint_format\":\"gptq\""),
        GPTQ_3("gptq", "\"bits\":3,\"group_size\":32,\"desc_act\":false,\"sym\":false,\"format\":\"gptq_v2\""),
        COMPRESSED(
                "compressed-tensors",
                "\"format\":\"pack-quantized\",\"config_groups\":{\"a\":{\"weights\":{\"num_bits\":4,\"type\":\"int\","
                        + "\"symmetric\":false,\"strategy\":\"group\",\"group_size\":32}},\"b\":{\"weights\":"
                        + "{\"num_bits\":8,\"strategy\":\"channel\"}}},\"ignore\":[\"lm_head\"]");

        private final String config;

        Kind(String method, String fields) {
            config = "{\"model_type\":\"llama\",\"quantization_config\":{\"quant_method\":\"" + method + "\"," + fields
                    + "}}";
        }

        List<Source> sources() {
            var random = this == GPTQ_3 || this == DENSE
                    ? Samples.grouped(1, 32, 64, 3, 32, ZeroPoint.INTEGER)
                    : Samples.grouped(1, 32, 64, 4, 32, ZeroPoint.INTEGER);
            return switch (this) {
                case GEMM -> awq(AwqPacking.pack(random, AwqPacking.Version.GEMM));
                case GEMV -> awq(AwqPacking.pack(random, AwqPacking.Version.GEMV));
                case GEMV_FAST -> awq(AwqPacking.pack(random, AwqPacking.Version.GEMV_FAST));
                case DENSE -> awq(AwqPacking.pack(random, AwqPacking.Version.DENSE));
                case GPTQ -> gptq(spread(random), GptqPacking.Version.V1);
                case GPTQ_3 -> gptq(random, GptqPacking.Version.V2);
                case COMPRESSED ->
                    List.of(
                            Source.of("l.weight_packed", Tensor.ofInts(new int[32 * 8], 32, 8)),
                            Source.of(
                                    "l.weight_scale",
                                    Tensor.ofFloats(new float[64], 32, 2).as(DType.BF16)),
                            Source.of("l.weight_zero_point", Tensor.ofInts(new int[8], 4, 2)),
                            Source.of(
                                    "l.weight_shape",
                                    new Tensor(DType.I64, Shape.of(2), MemorySegment.ofArray(new long[] {32, 64}))),
                            Source.of("l.weight_g_idx", Tensor.ofInts(interleaved(), 64)));
            };
        }

        private static List<Source> awq(AwqPacking.Packed packed) {
            return List.of(
                    Source.of("l.qweight", packed.qweight()),
                    Source.of("l.qzeros", packed.qzeros()),
                    Source.of("l.scales", packed.scales()));
        }

        private static List<Source> gptq(Weight weight, GptqPacking.Version version) {
            GptqPacking.Packed packed = GptqPacking.pack(weight, version);
            return List.of(
                    Source.of("l.qweight", packed.qweight()),
                    Source.of("l.qzeros", packed.qzeros()),
                    Source.of("l.scales", packed.scales()),
                    Source.of("l.g_idx", packed.groupIndex()));
        }

        private static Weight spread(Weight weight) {
            return new Weight(
                    "l",
                    weight.rows(),
                    weight.columns(),
                    weight.layout(),
                    weight.values(),
                    weight.scales(),
                    weight.zeros(),
                    GroupIndex.order("g", Tensor.ofInts(interleaved(), 64), 64, 32));
        }

        private static int[] interleaved() {
            int[] groupOf = new int[64];
            for (int i = 0; i < groupOf.length; i++) {
                groupOf[i] = i % 2;
            }
            return groupOf;
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void damagedTensorsAreReadOrRefused(Kind kind) throws IOException {
        Path file = folder.resolve("model.safetensors");
        Files.writeString(folder.resolve("config.json"), kind.config);
        write(file, kind);
        byte[] good = Files.readAllBytes(file);
        int header =
                8 + (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        Outcome outcome = Mutations.of(good, kind.config.length())
                .within(8, header)
                .within(header, good.length)
                .placed()
                .read(TENSOR_FILES, file, damaged -> read(folder));
        assertThat(outcome.accepted()).isGreaterThan(TENSOR_FILES / 10);
        assertThat(outcome.malformed()).isGreaterThan(TENSOR_FILES / 10);
        assertThat(outcome.unsupported()).isGreaterThan(TENSOR_FILES / 200);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void damagedConfigurationsAreReadOrRefused(Kind kind) {
        write(folder.resolve("model.safetensors"), kind);
        byte[] good = kind.config.getBytes(StandardCharsets.UTF_8);
        Outcome outcome = Mutations.of(good, 1000 + kind.config.length())
                .within(kind.config.indexOf("quant_method"), good.length)
                .read(CONFIGURATIONS, folder.resolve("config.json"), damaged -> read(folder));
        assertThat(outcome.accepted()).isGreaterThan(CONFIGURATIONS / 50);
        assertThat(outcome.malformed()).isGreaterThan(CONFIGURATIONS / 5);
        assertThat(outcome.unsupported()).isGreaterThan(CONFIGURATIONS / 50);
    }

    /** A pickle in which nothing but the shapes tells how it is packed. */
    @Test
    void damagedFilesOfLlmAwqAreReadOrRefused() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"llama\"}");
        Path same = folder.resolve("same.safetensors");
        write(same, Kind.GEMV_FAST);
        Path file = TorchModels.write(same, folder.resolve("model.pt"), name -> name.replace("qzeros", "scaled_zeros"));
        Files.delete(same);
        try (Checkpoint checkpoint = Checkpoints.open(file)) {
            assertThat(checkpoint.hasPacked("l")).isTrue();
            assertThat(checkpoint.matrixShape("l")).isEqualTo(Shape.of(32, 64));
        }
        byte[] good = Files.readAllBytes(file);
        Outcome outcome = Mutations.of(good, 23)
                .within(0, 512)
                .within(good.length - 400, good.length)
                .placed()
                .read(TENSOR_FILES + CONFIGURATIONS, file, PackingMutationTest::read);
        assertThat(outcome.accepted()).isGreaterThan(TENSOR_FILES / 10);
        assertThat(outcome.malformed()).isGreaterThan(TENSOR_FILES / 10);
        assertThat(outcome.unsupported()).isPositive();
    }

    private static void read(Path model) {
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            var prefixes = new ArrayList<String>();
            for (String name : checkpoint.names()) {
                Mutations.touch(checkpoint.tensor(name));
                prefixes.add(name.substring(0, Math.max(0, name.lastIndexOf('.'))));
            }
            for (String prefix : prefixes.stream().distinct().toList()) {
                if (checkpoint.hasLinear(prefix)) {
                    Weight weight = checkpoint.linear(prefix);
                    float[] row = new float[weight.columns()];
                    WeightCodec.decodeRow(weight, weight.rows() - 1, row);
                    if (checkpoint.hasPacked(prefix)) {
                        assertThat(checkpoint.matrixShape(prefix)).isEqualTo(Shape.of(weight.rows(), weight.columns()));
                    }
                }
            }
        }
    }

    private static void write(Path file, Kind kind) {
        SafetensorsWriter.write(file, Map.of("format", "pt"), kind.sources());
    }
}
