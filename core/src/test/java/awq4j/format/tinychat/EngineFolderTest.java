package awq4j.format.tinychat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.MalformedFileException;
import awq4j.format.Mutations;
import awq4j.format.Mutations.Outcome;
import awq4j.format.UnsupportedModelException;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.format.tinychat.EngineDefinition.Coded;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.GoldenModel;
import awq4j.model.TensorCheck;
import awq4j.model.family.Families;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Folders as TinyChatEngine's exporters and quantizer lay them out, made of golden models. */
class EngineFolderTest {
    private static final int FILES = 2_500;

    @TempDir
    private Path folder;

    /** Golden models of the families that the engine has. */
    enum Exported {
        LLAMA("llama_gqa"),
        OPT("opt"),
        BIG_CODE("gpt_bigcode");

        private final String golden;

        Exported(String golden) {
            this.golden = golden;
        }

        Path model() {
            return GoldenFiles.path("models/" + golden);
        }

        Path write(Path folder, BlockOrder order) {
            EngineDefinition.write(model(), folder, order, this::path);
            return folder;
        }

        /** Where the exporters put a module; nowhere, if the golden model has it twice. */
        private String path(String name) {
            String layers = switch (this) {
                case LLAMA -> "model.layers.";
                case OPT -> "model.decoder.layers.";
                case BIG_CODE -> "transformer.h.";
            };
            if (name.equals("lm_head")) {
                return this == LLAMA ? name : "";
            }
            return name.replace(layers, "decoder/layer")
                    .replaceFirst("^(model\\.decoder|model|transformer)\\.", "decoder/")
                    .replaceFirst("(layer\\d+)\\.(mlp\\.)?", "$1/")
                    .replace('.', '/');
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyTensorIsFoundUnderTransformersNames(Exported exported) {
        exported.write(folder, BlockOrder.QM_X86);
        try (Checkpoint found = Checkpoints.open(folder);
                Checkpoint model = Checkpoints.open(exported.model())) {
            assertThat(found.quantization().orElseThrow().version()).isEqualTo("QM_x86");
            var check = TensorCheck.of(Families.spec(found), found);
            assertThat(check.faults()).isEmpty();
            assertThat(check.unused()).isEmpty();
            int coded = 0;
            for (String name : model.names()) {
                String prefix = name.substring(0, name.lastIndexOf('.'));
                Tensor tensor = model.tensor(name);
                if (found.has(name)) {
                    assertThat(found.tensor(name).shape()).isEqualTo(tensor.shape());
                    assertThat(found.tensor(name).toFloats()).as(name).isEqualTo(tensor.toFloats());
                } else if (found.hasLinear(prefix)) {
                    coded++;
                    Weight weight = found.linear(prefix);
                    assertThat(found.matrixShape(prefix)).isEqualTo(tensor.shape());
                    assertThat(WeightCodec.decode(weight))
                            .as(name)
                            .isEqualTo(Coded.of(tensor.toFloats()).values());
                } else {
                    assertThat(name).isEqualTo("lm_head.weight");
                }
            }
            assertThat(coded).isGreaterThanOrEqualTo(8);
        }
    }

    @ParameterizedTest
    @EnumSource
    void logitsAreThoseOfWhatTheCodesStandFor(BlockOrder order) throws IOException {
        Path engine = Exported.LLAMA.write(Files.createDirectory(folder.resolve("engine")), order);
        if (order != BlockOrder.QM_X86) {
            state(engine, order.label());
        }
        int[] tokens = GoldenModel.integers(Exported.LLAMA.model().resolve("expected.json"), "input_ids");
        try (Backend backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 2));
                GoldenModel coded = GoldenModel.open(engine, backend);
                GoldenModel floats = GoldenModel.open(asFloats(engine), backend)) {
            float[] expected =
                    floats.run(tokens, tokens.length, KvPrecision.F32).logits();
            float[] found = coded.run(tokens, tokens.length, KvPrecision.F32).logits();
            float[] original = GoldenModel.floats(Exported.LLAMA.model().resolve("io.safetensors"), "logits");
            float rounding = 0;
            for (int i = 0; i < found.length; i++) {
                assertThat(Math.abs(found[i] - expected[i])).isLessThan(1e-4f);
                rounding = Math.max(rounding, Math.abs(found[i] - original[i]));
            }
            assertThat(rounding).as("4 bits are not the original").isGreaterThan(1e-3f);
        }
    }

    private Path asFloats(Path engine) {
        Path out = folder.resolve("floats");
        try (Checkpoint checkpoint = Checkpoints.open(engine)) {
            var sources = new ArrayList<Source>();
            for (String name : checkpoint.names()) {
                String prefix = name.substring(0, name.lastIndexOf('.'));
                if (name.endsWith("." + EngineLinears.CODES)) {
                    Weight weight = checkpoint.linear(prefix);
                    sources.add(Source.of(
                            prefix + ".weight",
                            Tensor.ofFloats(WeightCodec.decode(weight), weight.rows(), weight.columns())));
                } else if (!checkpoint.hasPacked(prefix)) {
                    sources.add(Source.of(name, checkpoint.tensor(name)));
                }
            }
            Files.createDirectory(out);
            Files.copy(engine.resolve("config.json"), out.resolve("config.json"));
            SafetensorsWriter.write(out.resolve("model.safetensors"), Map.of("format", "pt"), sources);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return out;
    }

    @Test
    void modelsThatWereNotQuantizedAreReadToo() throws IOException {
        Exported.LLAMA.write(folder, BlockOrder.QM_X86);
        try (Checkpoint model = Checkpoints.open(Exported.LLAMA.model())) {
            for (Path codes : find("weight_int4.bin")) {
                String name = folder.relativize(codes.getParent())
                        .toString()
                        .replace("decoder/layer", "model.layers.")
                        .replaceFirst("/(gate|up|down)_proj", ".mlp.$1_proj")
                        .replace('/', '.');
                Path module = codes.getParent();
                float[] values = model.tensor(name + ".weight").toFloats();
                for (String word : new String[] {"weight", "scaling_factor", "offset", "zero_point"}) {
                    Files.delete(module.resolve(word + "_int4.bin"));
                }
                Files.write(
                        name.equals("lm_head") ? folder.resolve("lm_head.bin") : module.resolve("weight.bin"),
                        EngineDefinition.bytes(values));
            }
            try (Checkpoint found = Checkpoints.open(folder)) {
                assertThat(found.quantization()).isEmpty();
                assertThat(found.names()).containsExactlyInAnyOrderElementsOf(model.names());
                assertThat(found.names())
                        .allSatisfy(name -> assertThat(found.tensor(name).toFloats())
                                .isEqualTo(model.tensor(name).toFloats()));
            }
        }
    }

    private java.util.List<Path> find(String name) throws IOException {
        try (var files = Files.walk(folder)) {
            return files.filter(file -> file.getFileName().toString().equals(name))
                    .toList();
        }
    }

    @Test
    void anOrderThatIsNeitherStatedNorCertainIsAskedFor() {
        Exported.LLAMA.write(folder, BlockOrder.QM_ARM);
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("in an order that it does not state: put a file quant_config.json with"
                        + " {\"quant_method\": \"tinychatengine\", \"version\": \"QM_ARM\"}");
        state(folder, "QM_7");
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .hasMessage("quant_config.json: TinyChatEngine's order \"QM_7\" is not supported; supported: QM_x86,"
                        + " QM_ARM, QM_METAL");
    }

    @Test
    void aWrongOrderIsNotedByTheCodes() {
        Exported.LLAMA.write(folder, BlockOrder.QM_ARM);
        state(folder, "QM_x86");
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThatThrownBy(() -> checkpoint.linear("model.layers.0.self_attn.q_proj"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessage("model.layers.0.self_attn.q_proj: stated is the order QM_x86, but blocks are in that of"
                            + " QM_ARM; put that as \"version\" into quant_config.json");
        }
    }

    @Test
    void filesOfOtherSizesAreNamed() throws IOException {
        Exported.LLAMA.write(folder, BlockOrder.QM_X86);
        Path codes = folder.resolve("decoder/layer1/down_proj/weight_int4.bin");
        byte[] whole = Files.readAllBytes(codes);
        Files.write(codes, java.util.Arrays.copyOf(whole, whole.length - 1));
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("weight_int4.bin @ 16383: expected columns of 128 U8, 128 bytes each, has 16383");
        Files.write(codes, java.util.Arrays.copyOf(whole, whole.length / 2));
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThatThrownBy(() -> checkpoint.linear("model.layers.1.mlp.down_proj"))
                    .hasMessage("model.layers.1.mlp.down_proj.scaling_factor_int4: expected [128, 4], found [128, 8]");
            assertThat(TensorCheck.of(Families.spec(checkpoint), checkpoint).faults())
                    .containsExactly(
                            "model.layers.1.mlp.down_proj: config.json asks for [128, 256], packed in the file is"
                                    + " [128, 128]");
        }
    }

    @Test
    void aFolderWithoutConfigurationIsToldWhatItLacks() throws IOException {
        Exported.OPT.write(folder, BlockOrder.QM_X86);
        Files.delete(folder.resolve("config.json"));
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining(
                        "is a model of TinyChatEngine, which does not say what it is: put config.json and the"
                                + " tokenizer of the model that it was made from into it");
        Files.delete(folder.resolve("decoder/final_layer_norm/weight.bin"));
        Files.writeString(folder.resolve("config.json"), "{}");
        assertThatThrownBy(() -> Checkpoints.open(folder))
                .hasMessageContaining("but weight.bin of none of its last norms: norm (Llama), final_layer_norm (OPT)");
    }

    /** A model of one linear: every kind of file damaged, and the configuration. */
    @ParameterizedTest
    @EnumSource
    void damagedFilesAreReadOrRefused(Damaged damaged) throws IOException {
        Coded coded = Coded.of(Samples.floats(8, 16 * 64));
        Path linear = Files.createDirectories(folder.resolve("decoder/layer0/self_attn/q_proj"));
        Path norm = Files.createDirectories(folder.resolve("decoder/norm"));
        Files.write(linear.resolve("weight_int4.bin"), coded.stored(BlockOrder.QM_X86));
        Files.write(linear.resolve("scaling_factor_int4.bin"), EngineDefinition.bytes(coded.scales()));
        Files.write(linear.resolve("zero_point_int4.bin"), EngineDefinition.bytes(8));
        Files.write(norm.resolve("weight.bin"), EngineDefinition.bytes(new float[64]));
        Files.writeString(folder.resolve("config.json"), "{}");
        state(folder, "QM_x86");
        Path file = folder.resolve(damaged.file);
        Outcome outcome = Mutations.of(Files.readAllBytes(file), 70 + damaged.file.length())
                .allocating(2 * (512 + 256 + 256) + (1 << 18))
                .read(FILES, file, path -> read());
        assertThat(outcome.accepted()).isGreaterThan(FILES / 500);
        assertThat(outcome.malformed() + outcome.unsupported()).isGreaterThan(FILES / 10);
    }

    enum Damaged {
        CODES("decoder/layer0/self_attn/q_proj/weight_int4.bin"),
        SCALES("decoder/layer0/self_attn/q_proj/scaling_factor_int4.bin"),
        ZERO("decoder/layer0/self_attn/q_proj/zero_point_int4.bin"),
        NORM("decoder/norm/weight.bin"),
        CONFIG("quant_config.json");

        private final String file;

        Damaged(String file) {
            this.file = file;
        }
    }

    private void read() {
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            checkpoint.names().forEach(name -> Mutations.touch(checkpoint.tensor(name)));
            if (checkpoint.hasLinear("model.layers.0.self_attn.q_proj")) {
                WeightCodec.decode(checkpoint.linear("model.layers.0.self_attn.q_proj"));
            }
        }
    }

    private static void state(Path folder, String version) {
        ModelFolders.edit(
                folder.resolve("quant_config.json"),
                config -> config.put("quant_method", "tinychatengine").put("version", version));
    }
}
