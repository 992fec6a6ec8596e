package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint.Quantization;
import awq4j.format.awq.AwqPacking;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointsTest {
    private static final int[] NIBBLE_ROWS = {0, 2, 4, 6, 1, 3, 5, 7};

    @TempDir
    private Path folder;

    @Test
    void shardsAreOneModel() {
        try (Checkpoint sharded = Checkpoints.open(GoldenFiles.path("models/checkpoint_formats/bf16_sharded"));
                Checkpoint single = Checkpoints.open(GoldenFiles.path("models/llama_mha"))) {
            assertThat(sharded.names()).containsExactlyInAnyOrderElementsOf(single.names());
            for (String name : single.names()) {
                assertThat(sharded.tensor(name).dtype()).isEqualTo(DType.BF16);
                assertThat(sharded.tensor(name).toFloats())
                        .isEqualTo(single.tensor(name).as(DType.BF16).toFloats());
            }
        }
    }

    @Test
    void aLooseFileIsTakenIfItIsTheOnlyOne() throws IOException {
        ModelFolders.copy("models/qwen2", folder);
        Files.delete(folder.resolve("io.safetensors"));
        Files.move(folder.resolve("model.safetensors"), folder.resolve("weights-f32.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThat(checkpoint.has("model.norm.weight")).isTrue();
        }
        Files.copy(folder.resolve("weights-f32.safetensors"), folder.resolve("other.safetensors"));
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(folder.getFileName() + ": weights come as other.safetensors, weights-f32.safetensors;"
                        + " expected model.safetensors or pytorch_model.bin, the index of one in shards, or exactly one"
                        + " file");
    }

    /** Every packed linear, by the formula of the format and against the file's own bytes. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void autoAwqLinearsHaveTheirCodesZerosAndScales(String model) {
        try (Checkpoint checkpoint =
                Checkpoints.open(GoldenFiles.path("quantization/" + model + "/autoawq_gemm_ckpt"))) {
            assertThat(checkpoint.quantization()).contains(new Quantization("awq", 4, 128, false, "gemm", List.of()));
            List<String> packed = checkpoint.names().stream()
                    .filter(name -> name.endsWith(".qweight"))
                    .map(name -> name.substring(0, name.length() - ".qweight".length()))
                    .toList();
            assertThat(packed).hasSizeGreaterThan(10);
            for (String name : packed) {
                Weight weight = checkpoint.linear(name);
                var layout = (Grouped) weight.layout();
                assertThat(layout).isEqualTo(new Grouped(4, 128, ZeroPoint.INTEGER));
                int[] qweight = checkpoint.tensor(name + ".qweight").toInts();
                int[] qzeros = checkpoint.tensor(name + ".qzeros").toInts();
                float[] scales = checkpoint.tensor(name + ".scales").toFloats();
                int words = weight.rows() / 8;
                for (int k = 0; k < weight.columns(); k++) {
                    for (int c = 0; c < words; c++) {
                        for (int i = 0; i < 8; i++) {
                            int row = 8 * c + NIBBLE_ROWS[i];
                            int g = k / 128;
                            int expected = (qweight[k * words + c] >>> (4 * i)) & 15;
                            if (WeightCodec.code(weight, layout, row, k) != expected
                                    || WeightCodec.zero(weight, layout, row, g)
                                            != ((qzeros[g * words + c] >>> (4 * i)) & 15)
                                    || WeightCodec.scale(weight, layout, row, g) != scales[g * weight.rows() + row]) {
                                throw new AssertionError(name + " differs at row " + row + ", column " + k);
                            }
                        }
                    }
                }
                var again = AwqPacking.pack(weight);
                Map.of("qweight", again.qweight(), "qzeros", again.qzeros(), "scales", again.scales())
                        .forEach((part, tensor) -> assertThat(tensor.data()
                                        .mismatch(checkpoint
                                                .tensor(name + "." + part)
                                                .data()))
                                .as("%s.%s packed again", name, part)
                                .isEqualTo(-1));
            }
        }
    }

    /** The other way round: codes and scales mean what was quantized, the scaled float weights. */
    @ParameterizedTest
    @CsvSource({
        "model.layers.0.self_attn.q_proj,0",
        "model.layers.0.self_attn.k_proj,0",
        "model.layers.1.self_attn.q_proj,3",
        "model.layers.1.self_attn.k_proj,3"
    })
    void autoAwqLinearsAreTheScaledWeights(String name, int group) {
        Path golden = GoldenFiles.path("quantization/llama_tiny");
        try (Checkpoint packed = Checkpoints.open(golden.resolve("autoawq_gemm_ckpt"));
                Checkpoint plain = Checkpoints.open(golden);
                var search = SafetensorsFile.open(golden.resolve("autoawq_duo_w4g128.safetensors"))) {
            float[] scale = search.tensor("scale." + group + ".scales").toFloats();
            Weight weight = packed.linear(name);
            float[] decoded = WeightCodec.decode(weight);
            float[] original = WeightCodec.decode(plain.linear(name));
            int beyond = 0;
            for (int i = 0; i < decoded.length; i++) {
                int row = i / weight.columns();
                int k = i % weight.columns();
                float step = WeightCodec.scale(weight, (Grouped) weight.layout(), row, k / 128);
                // half a step, plus what rounding the weight and the scale to float16 may add
                if (Math.abs(decoded[i] - original[i] * scale[k]) > 0.55f * step) {
                    beyond++;
                }
            }
            // where rounding the zero pushed an end of the range off the codes; another row order would miss by most
            assertThat(beyond).isLessThan(decoded.length / 100);
        }
    }

    @Test
    void plainAndPackedLinearsStandSideBySide() {
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path("quantization/llama_tiny/autoawq_gemm_ckpt"))) {
            assertThat(checkpoint.linear("lm_head").layout()).isEqualTo(new Dense(DType.F16));
            assertThat(checkpoint.hasLinear("lm_head")).isTrue();
            assertThat(checkpoint.hasLinear("model.layers.0.mlp.up_proj")).isTrue();
            assertThat(checkpoint.hasLinear("model.layers.9.mlp.up_proj")).isFalse();
        }
    }

    /** A model whose down projections were left alone and whose output projection was not. */
    @ParameterizedTest
    @ValueSource(strings = {"config.json", "quant_config.json", "quantize_config.json"})
    void whatIsStoredDecidesWhatIsPacked(String file) throws IOException {
        var sources = new ArrayList<Source>();
        Weight head = grouped("lm_head", 16, 64, new Grouped(4, 32, ZeroPoint.INTEGER));
        var packed = AwqPacking.pack(head);
        sources.add(Source.of("lm_head.qweight", packed.qweight()));
        sources.add(Source.of("lm_head.qzeros", packed.qzeros()));
        sources.add(Source.of("lm_head.scales", packed.scales()));
        sources.add(Source.of("a.down_proj.weight", Tensor.ofFloats(new float[6], 2, 3)));
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), sources);
        ModelFolders.edit(folder.resolve("config.json"), json -> json.put("model_type", "llama"));
        ModelFolders.edit(folder.resolve(file), json -> {
            var section = file.equals("config.json") ? json.putObject("quantization_config") : json;
            section.put("zero_point", true).put("version", "GEMM");
            if (file.equals("config.json")) {
                section.put("quant_method", "awq").put("bits", 4).put("group_size", 32);
                section.putArray("modules_to_not_convert").add("down_proj");
            } else {
                section.put("w_bit", 4).put("q_group_size", 32);
            }
        });
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            Quantization stated = checkpoint.quantization().orElseThrow();
            assertThat(stated.groupSize()).isEqualTo(32);
            assertThat(stated.version()).isEqualTo("gemm");
            assertThat(stated.excluded()).isEqualTo(file.equals("config.json") ? List.of("down_proj") : List.of());
            assertThat(WeightCodec.decode(checkpoint.linear("lm_head"))).isEqualTo(WeightCodec.decode(head));
            assertThat(checkpoint.linear("a.down_proj").layout()).isEqualTo(new Dense(DType.F32));
        }
    }

    @Test
    void quantizationIsReadInTheFormOfTransformers5() throws IOException {
        ModelFolders.copy("quantization/llama_tiny/autoawq_gemm_ckpt", folder);
        ModelFolders.edit(folder.resolve("config.json"), json -> {
            json.remove("torch_dtype");
            json.put("dtype", "float16");
            json.putObject("quantization_config")
                    .put("quant_method", "awq")
                    .put("bits", 4)
                    .put("group_size", 128)
                    .put("zero_point", true)
                    .put("backend", "auto")
                    .put("format", "gemm")
                    .putArray("modules_to_not_convert")
                    .add("lm_head");
        });
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThat(checkpoint.quantization())
                    .contains(new Quantization("awq", 4, 128, false, "gemm", List.of("lm_head")));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5, 6, 8})
    void otherWidthsComeBackThroughACheckpoint(int bits) {
        Weight weight = grouped("w", 20, 70, new Grouped(bits, 32, ZeroPoint.INTEGER));
        var packed = AwqPacking.pack(weight);
        SafetensorsWriter.write(
                folder.resolve("model.safetensors"),
                Map.of(),
                List.of(
                        Source.of("w.qweight", packed.qweight()),
                        Source.of("w.qzeros", packed.qzeros()),
                        Source.of("w.scales", packed.scales())));
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putObject("quantization_config")
                        .put("quant_method", "awq")
                        .put("bits", bits)
                        .put("group_size", 32)
                        .put("version", "awq4j-dense"));
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThat(WeightCodec.decode(checkpoint.linear("w"))).isEqualTo(WeightCodec.decode(weight));
        }
    }

    @Test
    void wideFloatsBecomeFloat32() {
        var values = java.nio.ByteBuffer.allocate(16).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        values.putDouble(1.5).putDouble(1 + 0x1p-40);
        var tensor = new Tensor(
                DType.F64, awq4j.tensor.Shape.of(1, 2), java.lang.foreign.MemorySegment.ofArray(values.array()));
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), List.of(Source.of("w.weight", tensor)));
        ModelFolders.edit(folder.resolve("config.json"), json -> {});
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            Weight weight = checkpoint.linear("w");
            assertThat(weight.layout()).isEqualTo(new Dense(DType.F32));
            assertThat(weight.values().toArray(ValueLayout.JAVA_FLOAT)).containsExactly(1.5f, 1);
        }
    }

    private static Weight grouped(String name, int rows, int columns, Grouped layout) {
        var random = new Random(rows + columns + layout.bits());
        byte[] values = new byte[rows * layout.rowBytes(columns)];
        float[] scales = new float[rows * layout.groups(columns)];
        byte[] zeros = new byte[scales.length];
        int code = (1 << layout.bits()) - 1;
        int mask = layout.storageBits() == 4 ? code | (code << 4) : code;
        for (int i = 0; i < values.length; i++) {
            values[i] = (byte) (random.nextInt() & mask);
        }
        for (int i = 0; i < scales.length; i++) {
            scales[i] = Float.float16ToFloat(Float.floatToFloat16(random.nextFloat()));
            zeros[i] = (byte) random.nextInt(1 << layout.bits());
        }
        return new Weight(
                name,
                rows,
                columns,
                layout,
                java.lang.foreign.MemorySegment.ofArray(values),
                java.lang.foreign.MemorySegment.ofArray(scales),
                java.lang.foreign.MemorySegment.ofArray(zeros));
    }
}
