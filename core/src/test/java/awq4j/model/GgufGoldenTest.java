package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.family.Families;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.testing.GgufModels;
import awq4j.testing.GgufModels.BlockType;
import awq4j.testing.ModelFolders;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A model in a GGUF file gives what the same numbers in a folder give, bit for bit. */
class GgufGoldenTest {
    private static final List<String> MODELS = List.of(
            "llama_gqa",
            "llama_mha",
            "llama_rope_linear",
            "llama_rope_yarn",
            "llama_tied_bias",
            "mistral_sw",
            "qwen2",
            "qwen3",
            "gemma",
            "gemma3_text",
            "phi3",
            "mixtral",
            "qwen3_moe");

    private static final List<Backend> BACKENDS = new ArrayList<>();

    @TempDir
    private Path folder;

    @BeforeAll
    static void open() {
        for (Arithmetic arithmetic : List.of(Arithmetic.SCALAR, Arithmetic.VECTOR)) {
            BACKENDS.add(CpuBackend.open(new CpuOptions(arithmetic, 2)));
        }
    }

    @AfterAll
    static void close() {
        BACKENDS.forEach(Backend::close);
    }

    static Stream<Arguments> models() {
        return MODELS.stream().flatMap(model -> BACKENDS.stream().map(backend -> Arguments.of(model, backend)));
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("models")
    void float32GivesTheFoldersLogits(String name, Backend backend) {
        Path golden = GoldenModel.folder("models").resolve(name);
        Path file = GgufModels.of(golden, BlockType.F32).write(folder.resolve("model.gguf"));
        assertThat(logits(file, backend, tokens(name))).containsExactly(logits(golden, backend, tokens(name)));
    }

    /** Rotary factors are float32 in the file, and decimal numbers in the folder. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_rope_llama3", "phi3_longrope", "phi3_longrope_short"})
    void rotaryFactorsGiveTheFoldersLogits(String name) {
        Path golden = GoldenModel.folder("models").resolve(name);
        Path file = GgufModels.of(golden, BlockType.F32).write(folder.resolve("model.gguf"));
        for (Backend backend : BACKENDS) {
            float[] expected = logits(golden, backend, tokens(name));
            assertThat(logits(file, backend, tokens(name))).containsExactly(expected, offset(1e-4f));
        }
    }

    /** The file has the gate of the shared expert as a vector, float32 whatever the matrices are. */
    @Test
    void aSharedExpertIsFound() {
        Path golden = GoldenModel.folder("models").resolve("qwen2_moe");
        Path file = GgufModels.of(golden, BlockType.F32).write(folder.resolve("model.gguf"));
        for (Backend backend : BACKENDS) {
            assertThat(logits(file, backend, tokens("qwen2_moe")))
                    .containsExactly(logits(golden, backend, tokens("qwen2_moe")));
        }
    }

    /** llama.cpp knows Gemma 2's scale of scores, which the golden model has another of. */
    @Test
    void gemma2GivesTheFoldersLogitsWithItsUsualScale() throws IOException {
        Path usual = copy(GoldenModel.folder("models").resolve("gemma2"), UnaryOperator.identity(), DType.F32);
        ModelFolders.edit(usual.resolve("config.json"), json -> json.put("query_pre_attn_scalar", 16));
        Path file = GgufModels.of(usual, BlockType.F32).write(folder.resolve("model.gguf"));
        for (Backend backend : BACKENDS) {
            assertThat(logits(file, backend, tokens("gemma2")))
                    .containsExactly(logits(usual, backend, tokens("gemma2")));
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("models")
    void float16GivesTheFoldersLogits(String name, Backend backend) throws IOException {
        Path golden = GoldenModel.folder("models").resolve(name);
        Path file = GgufModels.of(golden, BlockType.F16).write(folder.resolve("model.gguf"));
        Path rounded = copy(golden, values -> BlockType.F16.decode(BlockType.F16.encode(values)), DType.F16);
        assertThat(logits(file, backend, tokens(name))).containsExactly(logits(rounded, backend, tokens(name)));
    }

    /** The scalar kernels decode a row and sum in order: the same values give the same sums. */
    @ParameterizedTest
    @EnumSource
    void matricesOfEveryTypeGiveTheLogitsOfWhatTheyStandFor(BlockType type) throws IOException {
        for (String name : List.of("llama_gqa", "qwen2")) {
            Path golden = GoldenModel.folder("models").resolve(name);
            Path file = GgufModels.of(golden, type).write(folder.resolve(name + ".gguf"));
            Path decoded = copy(golden, values -> type.decode(type.encode(values)), DType.F32);
            Backend scalar = BACKENDS.getFirst();
            assertThat(logits(file, scalar, tokens(name)))
                    .as("%s as %s", name, type)
                    .containsExactly(logits(decoded, scalar, tokens(name)));
        }
    }

    /** The golden model with its matrices changed. */
    private Path copy(Path golden, UnaryOperator<float[]> change, DType dtype) throws IOException {
        Path copy = Files.createDirectories(folder.resolve("copy"));
        Files.copy(
                golden.resolve("config.json"),
                copy.resolve("config.json"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        try (Checkpoint checkpoint = Checkpoints.open(golden)) {
            var sources = new ArrayList<Source>();
            for (String tensor : checkpoint.names()) {
                Tensor old = checkpoint.tensor(tensor);
                boolean matrix = old.shape().rank() == 2;
                float[] values = matrix ? change.apply(old.toFloats()) : old.toFloats();
                Tensor fresh = new Tensor(DType.F32, old.shape(), java.lang.foreign.MemorySegment.ofArray(values));
                sources.add(Source.of(tensor, matrix ? fresh.as(dtype) : fresh));
            }
            SafetensorsWriter.write(copy.resolve("model.safetensors"), Map.of(), sources);
        }
        return copy;
    }

    private static float[] logits(Path path, Backend backend, int[] tokens) {
        try (Checkpoint checkpoint = Checkpoints.open(path)) {
            ModelSpec spec = Families.spec(checkpoint);
            TensorCheck check = TensorCheck.of(spec, checkpoint);
            assertThat(check.faults()).isEmpty();
            assertThat(check.unused()).isEmpty();
        }
        try (var model = GoldenModel.open(path, backend)) {
            return model.run(tokens, tokens.length, KvPrecision.F32).logits();
        }
    }

    private static int[] tokens(String name) {
        return GoldenModel.integers(GoldenModel.folder("models").resolve(name).resolve("expected.json"), "input_ids");
    }
}
