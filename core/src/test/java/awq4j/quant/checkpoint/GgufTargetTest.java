package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import awq4j.LanguageModel;
import awq4j.LanguageModel.Options;
import awq4j.chat.Message;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionSource.Place;
import awq4j.runtime.Sampling;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.testing.TinyModels;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufTargetTest {
    private static final Conversion.Watch UNWATCHED = (step, done, all) -> {};

    /** What float16 least values cost, relative: each is off by up to 2^-11 of itself, and about twice a weight. */
    private static final double LEAST_VALUES = 0x1p-10;

    @TempDir
    private Path folder;

    private Path convert(Path model, String form) {
        Path file = folder.resolve(model.getFileName() + "." + form + ".gguf");
        plan(model, form, file, true);
        return file;
    }

    private static ConversionPlan plan(Path model, String form, Path file, boolean write) {
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            Conversion conversion = Conversion.of(checkpoint, form, file, false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            if (write) {
                conversion.write(plan, UNWATCHED);
            }
            return plan;
        }
    }

    private static float[] logits(Path model, Arithmetic arithmetic, int[] tokens) {
        var options = Options.DEFAULT.withCpu(new CpuOptions(arithmetic, 2)).withKv(KvPrecision.F32);
        var all = new ArrayList<float[]>();
        try (LanguageModel opened = LanguageModel.open(model, options)) {
            opened.logits(tokens, (i, row) -> all.add(row.clone()));
        }
        float[] flat = new float[all.size() * all.getFirst().length];
        for (int i = 0; i < all.size(); i++) {
            System.arraycopy(all.get(i), 0, flat, i * all.getFirst().length, all.getFirst().length);
        }
        return flat;
    }

    private static int[] tokens(String golden) {
        return Config.read(GoldenFiles.path("models/" + golden).resolve("expected.json"))
                .json()
                .get("input_ids")
                .valueStream()
                .mapToInt(node -> node.isArray() ? node.get(0).asInt() : node.asInt())
                .toArray();
    }

    /** A golden model whose matrices are float16 numbers. */
    private Path float16(String golden) throws IOException {
        Path model = Files.createDirectory(folder.resolve(golden));
        Path original = GoldenFiles.path("models/" + golden);
        Files.copy(original.resolve("config.json"), model.resolve("config.json"));
        TinyModels.addTokenizer(model);
        try (Checkpoint checkpoint = Checkpoints.open(original)) {
            var sources = new ArrayList<Source>();
            for (String name : checkpoint.names()) {
                Tensor tensor = checkpoint.tensor(name);
                sources.add(Source.of(name, tensor.shape().rank() == 2 ? tensor.as(DType.F16) : tensor));
            }
            SafetensorsWriter.write(model.resolve("model.safetensors"), Map.of(), sources);
        }
        return model;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama_gqa",
                "llama_mha",
                "llama_rope_linear",
                "llama_rope_yarn",
                "mistral_sw",
                "qwen2",
                "qwen3",
                "gemma",
                "gemma3_text",
                "phi3",
                "mixtral",
                "qwen2_moe",
                "qwen3_moe"
            })
    void floatsGiveTheFoldersLogits(String golden) throws IOException {
        Path model = float16(golden);
        Path file = convert(model, "gguf-f16");
        assertThat(plan(model, "gguf-f16", folder.resolve("x.gguf"), false).exact())
                .isTrue();
        for (Arithmetic arithmetic : List.of(Arithmetic.SCALAR, Arithmetic.VECTOR)) {
            assertThat(logits(file, arithmetic, tokens(golden)))
                    .containsExactly(logits(model, arithmetic, tokens(golden)));
        }
    }

    /** Rotary factors are float32 in the file, and decimal numbers in the folder. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_rope_llama3", "phi3_longrope", "phi3_longrope_short"})
    void rotaryFactorsGiveTheFoldersLogits(String golden) throws IOException {
        Path model = float16(golden);
        Path file = convert(model, "gguf-f16");
        assertThat(logits(file, Arithmetic.VECTOR, tokens(golden)))
                .containsExactly(logits(model, Arithmetic.VECTOR, tokens(golden)), offset(1e-4f));
    }

    /** Safetensors, a file of PyTorch, GGUF: the same numbers. */
    @Test
    void aFileOfPyTorchGivesTheSame() throws IOException {
        Path model = ModelFolders.copy("models/checkpoint_formats/fp16_bin", folder.resolve("bin"));
        TinyModels.addTokenizer(model);
        Path file = folder.resolve("bin.gguf");
        ConversionPlan plan = plan(model, "gguf-f16", file, true);
        assertThat(plan.exact()).isTrue();
        int[] text = {1, 5, 9, 100, 31, 7, 77, 150};
        for (Arithmetic arithmetic : List.of(Arithmetic.SCALAR, Arithmetic.VECTOR)) {
            assertThat(logits(file, arithmetic, text)).containsExactly(logits(model, arithmetic, text));
        }
    }

    private Path quantized(String name) {
        Path model = ModelFolders.copy("quantization/llama_tiny/" + name, folder.resolve(name));
        TinyModels.addTokenizer(model);
        return model;
    }

    /** Zeros become least values: codes stay, and so do the values as far as float16 holds least values. */
    @Test
    void asymmetricCodesKeepTheirPlaceInQ41() {
        Path awq = quantized("autoawq_gemm_ckpt");
        Path file = convert(awq, "gguf-q4_1");
        try (Checkpoint before = Checkpoints.open(awq);
                Checkpoint after = Checkpoints.open(file)) {
            assertThat(after.quantization().orElseThrow().version()).isEqualTo("Q4_1");
            for (String name : List.of("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj")) {
                Weight was = before.linear(name);
                Weight is = after.linear(name);
                assertThat(is.values().mismatch(was.values())).as(name).isEqualTo(-1);
                float[] values = WeightCodec.decode(was);
                float[] found = WeightCodec.decode(is);
                for (int i = 0; i < values.length; i++) {
                    int group = i / 128;
                    float least = WeightCodec.zero(
                                    was,
                                    (Grouped) was.layout(),
                                    group / (was.columns() / 128),
                                    group % (was.columns() / 128))
                            * WeightCodec.scale(
                                    was,
                                    (Grouped) was.layout(),
                                    group / (was.columns() / 128),
                                    group % (was.columns() / 128));
                    assertThat(found[i]).isCloseTo(values[i], offset(least * 0x1p-11f));
                }
            }
        }
        int[] text = {1, 5, 9, 200, 31, 7, 77, 300};
        float[] was = logits(awq, Arithmetic.SCALAR, text);
        float[] is = logits(file, Arithmetic.SCALAR, text);
        double error = 0;
        double norm = 0;
        for (int i = 0; i < was.length; i++) {
            error += Math.pow(is[i] - was[i], 2);
            norm += Math.pow(was[i], 2);
        }
        assertThat(Math.sqrt(error / norm)).isLessThan(LEAST_VALUES);
        ConversionPlan plan = plan(awq, "gguf-q4_1", folder.resolve("x.gguf"), false);
        assertThat(plan.reasons()).containsOnlyKeys("scales or least values finer than float16, rounded");
        assertThat(plan.relativeError()).isBetween(1e-4, LEAST_VALUES);
        // what a file of the other blocks would lose is more: the codes themselves
        ConversionPlan worse = plan(awq, "gguf-q4_0", folder.resolve("x.gguf"), false);
        assertThat(worse.reasons()).containsOnlyKeys("zeros or codes that Q4_0 has no place for, rounded anew");
        assertThat(worse.relativeError()).isBetween(0.02, 0.2);
    }

    @Test
    void fourBitsWithAnyZeroFitEight() {
        Path awq = quantized("autoawq_gemm_ckpt");
        ConversionPlan plan = plan(awq, "gguf-q8_0", folder.resolve("q.gguf"), true);
        assertThat(plan.matrices().stream().filter(planned -> planned.matrix().place() == Place.BLOCK))
                .hasSize(14)
                .allMatch(planned -> planned.loss().isEmpty());
        assertThat(plan.lossy().stream().map(PlannedMatrix::loss)).containsOnly("plain F16, rounded to Q8_0");
        try (Checkpoint before = Checkpoints.open(awq);
                Checkpoint after = Checkpoints.open(folder.resolve("q.gguf"))) {
            String name = "model.layers.1.self_attn.k_proj";
            assertThat(WeightCodec.decode(after.linear(name))).containsExactly(WeightCodec.decode(before.linear(name)));
        }
    }

    @Test
    void symmetricCodesAreThoseOfQ40AndComeBack() {
        Path gptq = quantized("gptq_v1_ckpt");
        ConversionPlan plan = plan(gptq, "gguf-q4_0", folder.resolve("q.gguf"), true);
        assertThat(plan.exact()).isTrue();
        int[] text = {1, 5, 9, 200, 31, 7, 77, 300};
        assertThat(logits(folder.resolve("q.gguf"), Arithmetic.SCALAR, text))
                .containsExactly(logits(gptq, Arithmetic.SCALAR, text));
        assertThat(plan(folder.resolve("q.gguf"), "gguf-q4_1", folder.resolve("again.gguf"), true)
                        .exact())
                .isTrue();
        assertThat(logits(folder.resolve("again.gguf"), Arithmetic.SCALAR, text))
                .containsExactly(logits(gptq, Arithmetic.SCALAR, text), offset(1e-4f));
    }

    @ParameterizedTest
    @CsvSource({"gguf-q4_0,0.04,0.15", "gguf-q4_1,0.04,0.15", "gguf-q8_0,0.001,0.01"})
    void floatsAreRoundedAndItIsSaidHowMuch(String form, double least, double most) {
        Path demo = TinyModels.demo();
        ConversionPlan plan = plan(demo, form, folder.resolve("q.gguf"), true);
        String type = form.substring(5).toUpperCase(java.util.Locale.ROOT);
        assertThat(plan.reasons()).containsOnlyKeys("plain F16, rounded to " + type);
        assertThat(plan.relativeError()).isBetween(least, most);
        assertThat(plan.coded()).hasSize(type.equals("Q8_0") ? 43 : 42);
        try (Checkpoint file = Checkpoints.open(folder.resolve("q.gguf"))) {
            assertThat(file.quantization().orElseThrow().version()).isEqualTo(type);
            assertThat(file.layout("model.embed_tokens") instanceof Grouped).isEqualTo(type.equals("Q8_0"));
        }
        assertThat(folder).isDirectoryContaining("glob:**q.gguf").isDirectoryNotContaining("glob:**{tmp,converting}*");
    }

    @Test
    void allThatAModelSaysComesAlong() throws IOException {
        Path demo = Files.createDirectory(folder.resolve("demo"));
        for (String name : List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(TinyModels.demo().resolve(name), demo.resolve(name));
        }
        Files.writeString(
                demo.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
        Files.writeString(
                demo.resolve("generation_config.json"),
                "{\"do_sample\": true, \"temperature\": 0.7, \"top_p\": 0.9, \"top_k\": 40, \"eos_token_id\": [1, 2]}");
        Path file = convert(demo, "gguf-f16");
        try (LanguageModel expected = LanguageModel.open(demo);
                LanguageModel found = LanguageModel.open(file)) {
            assertThat(found.recommendedSampling()).isEqualTo(expected.recommendedSampling());
            assertThat(found.endTokens()).isEqualTo(expected.endTokens());
            assertThat(found.contextLength()).isEqualTo(expected.contextLength());
            List<Message> messages = List.of(Message.user("Once upon a time"));
            assertThat(found.prompt(messages)).isEqualTo(expected.prompt(messages));
            Sampling greedy = Sampling.greedy().withMaxTokens(12);
            assertThat(found.generate("Once upon", greedy).text())
                    .isEqualTo(expected.generate("Once upon", greedy).text())
                    .isNotBlank();
        }
        try (GgufFile header = GgufFile.open(file)) {
            assertThat(header.metadata().text("general.name")).isEqualTo("demo");
            assertThat(header.metadata().integer("general.file_type")).isEqualTo(1);
            assertThat(header.tensors().get("blk.0.attn_norm.weight").typeName())
                    .isEqualTo("F32");
            assertThat(header.tensors()).doesNotContainKey("output.weight");
        }
    }

    @Test
    void whatHasNoPlaceIsRefusedBeforeAnythingIsWritten() throws IOException {
        refused("opt", "OPTForCausalLM is not written to GGUF files; supported: LlamaForCausalLM, Qwen2ForCausalLM");
        refused("gemma2", "the model has scores times 0.20412415, not 0.25, which llama.cpp's architecture \"gemma2\"");
        refused("llama_tied_bias", "the model has biases on queries that are not as wide as the model, which");
        refused("llama_rope_dynamic", "the model has dynamic rotary scaling, which llama.cpp's architecture \"llama\"");
        Path bare = Files.createDirectory(folder.resolve("bare"));
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(GoldenFiles.path("models/qwen3").resolve(name), bare.resolve(name));
        }
        assertThatThrownBy(() -> convert(bare, "gguf-f16"))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageStartingWith("no tokenizer in " + bare);
        assertThatThrownBy(() -> plan(TinyModels.demo(), "gguf-f16", folder.resolve("model.bin"), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("output " + folder.resolve("model.bin")
                        + " should be a file whose name ends with .gguf, which is how readers know what it is");
        assertThat(Arrays.asList(folder.toFile().list())).allMatch(name -> !name.endsWith(".gguf"));
    }

    private void refused(String golden, String message) throws IOException {
        Path model = TinyModels.golden(golden, folder);
        assertThatThrownBy(() -> convert(model, "gguf-f16"))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aWindowThatOthersDoNotKnowIsRemarked() throws IOException {
        Path model = float16("mistral_sw");
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            Conversion conversion = Conversion.of(checkpoint, "gguf-f16", folder.resolve("m.gguf"), false);
            assertThat(conversion.target().remarks(conversion.plan(UNWATCHED)))
                    .containsExactly("A token sees the 6 before it; llama.cpp lets it see all.");
        }
    }
}
