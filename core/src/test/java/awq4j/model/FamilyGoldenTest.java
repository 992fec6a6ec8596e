package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.GoldenModel.Run;
import awq4j.model.family.Families;
import awq4j.testing.GoldenFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every family against what transformers computed with the same weights, on every kind of kernels. */
class FamilyGoldenTest {
    private static final float LOGITS = 1e-4f;

    /** Of models stored in float16 and read as float32: the order of sums alone moved them so far. */
    private static final float QUANTIZED_LOGITS = 2e-4f;

    private static final List<String> MODELS = GoldenFiles.models();

    private static final List<Backend> BACKENDS = new java.util.ArrayList<>();

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

    static Stream<Arguments> quantized() {
        return Stream.of("llama_tiny", "opt_tiny")
                .flatMap(model -> BACKENDS.stream().map(backend -> Arguments.of(model, backend)));
    }

    @Test
    void everyFamilyHasARow() {
        var covered = new HashSet<String>();
        for (String model : MODELS) {
            try (Checkpoint checkpoint = Checkpoints.open(folder(model))) {
                covered.add(checkpoint.config().texts("architectures").getFirst());
            }
        }
        assertThat(Families.all())
                .filteredOn(family -> family.proof() == ModelFamily.Proof.TRANSFORMERS)
                .allSatisfy(family -> assertThat(family.architectures())
                        .as("family %s has no golden model", family.getClass().getSimpleName())
                        .containsAnyElementsOf(covered));
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("models")
    void logitsAndHiddenStatesAreTheReferences(String name, Backend backend, @TempDir Path temporary)
            throws IOException {
        Path newer = GoldenModel.withConfig(folder(name), "config.v5.json", temporary);
        for (Path folder : List.of(folder(name), newer)) {
            try (var model = GoldenModel.open(folder, backend)) {
                int[] tokens = tokens(name);
                Run run = model.run(tokens, tokens.length, KvPrecision.F32);
                assertClose(run.logits(), expected(name, "logits"), LOGITS, "logits");
                if (!name.equals("opt_350m_like")) { // the reference shows none where there is no last norm
                    assertHiddenStates(model.transformer().spec(), run, expected(name, "hidden_states"));
                }
            }
        }
    }

    /** The states are the embedding, the output of each layer but the last, and the final norm's output. */
    private static void assertHiddenStates(ModelSpec spec, Run run, float[] expected) {
        int layers = spec.blocks().size();
        int size = expected.length / (layers + 1);
        for (int i = 0; i <= layers; i++) {
            String point = i == 0 ? "embedding" : i == layers ? "norm" : "layer." + (i - 1) + ".output";
            float[] state = Arrays.copyOfRange(expected, i * size, (i + 1) * size);
            assertClose(run.taps().get(point), state, LOGITS, point);
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("models")
    void greedyContinuationIsTheReferences(String name, Backend backend) {
        Path expected = folder(name).resolve("expected.json");
        int[] continuation = GoldenModel.integers(expected, "greedy_continuation");
        try (var model = GoldenModel.open(folder(name), backend)) {
            if (name.equals("llama_rope_dynamic")) {
                // the base grows with the length: keys in a cache keep the angles of the length they were stored at
                assertThat(model.greedyRecomputed(tokens(name), continuation.length))
                        .containsExactly(continuation);
                assertThat(model.greedy(tokens(name), continuation.length))
                        .containsExactly(GoldenModel.integers(expected, "generate_with_kv_cache"));
            } else {
                assertThat(model.greedy(tokens(name), continuation.length)).containsExactly(continuation);
            }
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("models")
    void chunksGiveWhatOnePieceGives(String name, Backend backend) {
        try (var model = GoldenModel.open(folder(name), backend)) {
            int[] tokens = tokens(name);
            float[] whole = expected(name, "logits");
            for (int chunk : new int[] {1, 5, 16}) {
                assertClose(model.run(tokens, chunk, KvPrecision.F32).logits(), whole, LOGITS, "chunks of " + chunk);
            }
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @ValueSource(strings = {"llama_gqa", "qwen3"})
    void halfPrecisionCacheMovesLogitsALittle(String name) {
        try (var model = GoldenModel.open(folder(name), BACKENDS.getFirst())) {
            int[] tokens = tokens(name);
            float[] halves = model.run(tokens, 4, KvPrecision.F16).logits();
            assertClose(halves, expected(name, "logits"), 2e-2f, "logits with an F16 cache");
            assertThat(halves)
                    .isNotEqualTo(model.run(tokens, 4, KvPrecision.F32).logits());
        }
    }

    /** In both files of reduced precision. */
    @ParameterizedTest
    @CsvSource({"bf16_sharded,bf16_weights_fp32_compute_logits", "fp16_bin,fp16_weights_fp32_compute_logits"})
    void shardsAndFilesOfPyTorchGiveTheReferencesLogits(String name, String logits) {
        for (Backend backend : BACKENDS) {
            Path formats = GoldenModel.folder("models/checkpoint_formats");
            try (var model = GoldenModel.open(formats.resolve(name), backend)) {
                int[] tokens = tokens("llama_mha");
                assertClose(
                        model.run(tokens, tokens.length, KvPrecision.F32).logits(),
                        GoldenModel.floats(formats.resolve("io.safetensors"), logits),
                        LOGITS,
                        "logits");
            }
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("quantized")
    void quantizedCheckpointGivesTheReferencesLogits(String name, Backend backend) {
        Path folder = GoldenModel.folder("quantization").resolve(name);
        for (var row : List.of(
                List.of(".", "logits_fp32", "logits"),
                List.of("autoawq_gemm_ckpt", "logits_autoawq_gemm_ckpt", "logits"),
                List.of("gptq_v1_ckpt", "logits_gptq_v1_ckpt", "logits"))) {
            Path stored = folder.resolve(row.get(1) + ".safetensors");
            try (var model = GoldenModel.open(folder.resolve(row.get(0)), backend)) {
                int[] tokens = Arrays.copyOf(evaluation(folder), 16);
                assertClose(
                        model.run(tokens, tokens.length, KvPrecision.F32).logits(),
                        GoldenModel.floats(stored, row.get(2)),
                        QUANTIZED_LOGITS,
                        row.get(1));
            }
        }
    }

    private static int[] evaluation(Path folder) {
        return Config.read(folder.resolve("tokens.json"))
                .json()
                .get("eval_ids")
                .get(0)
                .valueStream()
                .mapToInt(it -> it.asInt())
                .toArray();
    }

    private static Path folder(String name) {
        return GoldenModel.folder("models").resolve(name);
    }

    private static int[] tokens(String name) {
        return GoldenModel.integers(folder(name).resolve("expected.json"), "input_ids");
    }

    private static float[] expected(String name, String tensor) {
        return GoldenModel.floats(folder(name).resolve("io.safetensors"), tensor);
    }

    private static void assertClose(float[] actual, float[] expected, float bound, String what) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        float worst = 0;
        int where = 0;
        for (int i = 0; i < actual.length; i++) {
            float error = Math.abs(actual[i] - expected[i]);
            if (!(error <= worst)) { // NaN counts as worst
                worst = error;
                where = i;
            }
        }
        assertThat(worst)
                .as("%s: greatest error, at %d of %d", what, where, actual.length)
                .isLessThanOrEqualTo(bound);
    }
}
