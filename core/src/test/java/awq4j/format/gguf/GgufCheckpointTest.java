package awq4j.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.Mutations;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.testing.GgufModels;
import awq4j.testing.GgufModels.BlockType;
import awq4j.testing.GoldenFiles;
import awq4j.testing.RawGguf;
import awq4j.testing.Samples;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class GgufCheckpointTest {
    private static final String UP = "model.layers.0.mlp.up_proj";

    @TempDir
    private Path folder;

    /** The metadata of a model of one layer, two heads of sixteen values and eight tokens. */
    private static RawGguf llama() {
        return new RawGguf()
                .text("general.architecture", "llama")
                .number("llama.context_length", 64)
                .number("llama.embedding_length", 32)
                .number("llama.block_count", 1)
                .number("llama.feed_forward_length", 64)
                .number("llama.attention.head_count", 2)
                .real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    }

    private static RawGguf withTable() {
        return llama().floats("token_embd.weight", new float[8 * 32], 32, 8);
    }

    private Checkpoint open(RawGguf raw) {
        return Checkpoints.open(raw.write(folder.resolve("a.gguf")));
    }

    @Test
    void namesAndShapesAreThoseOfTransformers() {
        Path golden = GoldenFiles.path("models/qwen3");
        try (Checkpoint folderModel = Checkpoints.open(golden);
                Checkpoint file = open(GgufModels.of(golden, BlockType.F16))) {
            assertThat(file.names()).containsExactlyInAnyOrderElementsOf(folderModel.names());
            for (String name : file.names()) {
                assertThat(file.shape(name)).as(name).isEqualTo(folderModel.shape(name));
                assertThat(file.sizeBytes(name))
                        .as(name)
                        .isEqualTo(file.tensor(name).data().byteSize());
            }
            assertThat(file.quantization()).isEmpty();
            assertThat(file.files()).containsExactly(folder.resolve("a.gguf"));
            assertThat(file.path()).isEqualTo(folder.resolve("a.gguf"));
            assertThat(file.layout(UP)).isEqualTo(new Dense(DType.F16));
            assertThat(file.hasLinear(UP)).isTrue();
            assertThat(file.hasLinear("lm_head.weight")).isFalse();
        }
    }

    @Test
    void theConfigurationIsMadeFromTheMetadata() {
        var raw = withTable()
                .number("llama.attention.head_count_kv", 1)
                .number("llama.attention.key_length", 16)
                .real("llama.rope.freq_base", 500_000)
                .number("llama.attention.sliding_window", 7)
                .number("tokenizer.ggml.bos_token_id", 1)
                .number("tokenizer.ggml.eos_token_id", 2)
                .number("tokenizer.ggml.eot_token_id", 3)
                .texts("tokenizer.ggml.tokens", List.of("a", "<s>", "</s>", "x", "<|im_end|>", "<|end|>"))
                .numbers("tokenizer.ggml.token_type", 1, 3, 3, 3, 3, 1);
        try (Checkpoint file = open(raw)) {
            Config config = file.config();
            assertThat(config.texts("architectures")).containsExactly("MistralForCausalLM");
            assertThat(config.integer("hidden_size")).isEqualTo(32);
            assertThat(config.integer("intermediate_size")).isEqualTo(64);
            assertThat(config.integer("num_hidden_layers")).isEqualTo(1);
            assertThat(config.integer("num_attention_heads")).isEqualTo(2);
            assertThat(config.integer("num_key_value_heads")).isEqualTo(1);
            assertThat(config.integer("head_dim")).isEqualTo(16);
            assertThat(config.integer("vocab_size")).isEqualTo(8);
            assertThat(config.integer("max_position_embeddings")).isEqualTo(64);
            assertThat(config.integer("sliding_window")).isEqualTo(7);
            assertThat(config.number("rms_norm_eps")).isEqualTo(1e-5);
            assertThat(config.number("rope_theta")).isEqualTo(500_000);
            assertThat(config.flag("tie_word_embeddings", false)).isTrue();
            assertThat(config.integer("bos_token_id")).isEqualTo(1);
            // the end, the turn's end, and a marker that controls; text of its look is only text
            assertThat(config.json().get("eos_token_id").toString()).isEqualTo("[2,3,4]");
        }
    }

    @Test
    void ropeScalingsAreThoseOfTransformers() {
        var linear = withTable().text("llama.rope.scaling.type", "linear").real("llama.rope.scaling.factor", 4);
        try (Checkpoint file = open(linear)) {
            assertThat(file.config().json().get("rope_scaling").toString())
                    .isEqualTo("{\"rope_type\":\"linear\",\"factor\":4.0}");
        }
        var yarn = withTable()
                .text("llama.rope.scaling.type", "yarn")
                .real("llama.rope.scaling.factor", 4)
                .number("llama.rope.scaling.original_context_length", 16)
                .real("llama.rope.scaling.attn_factor", 2)
                .real("llama.rope.scaling.yarn_beta_fast", 30);
        try (Checkpoint file = open(yarn)) {
            Config scaling = file.config().section("rope_scaling").orElseThrow();
            assertThat(scaling.integer("original_max_position_embeddings")).isEqualTo(16);
            assertThat(scaling.number("attention_factor")).isEqualTo(2 * (0.1 * Math.log(4) + 1));
            assertThat(scaling.number("beta_fast")).isEqualTo(30);
        }
        try (Checkpoint file = open(withTable().real("llama.rope.scale_linear", 2))) {
            assertThat(file.config().section("rope_scaling").orElseThrow().number("factor"))
                    .isEqualTo(2);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            general.architecture          | "general.architecture" in its metadata
            llama.embedding_length        | has no "llama.embedding_length" in its metadata
            llama.attention.head_count    | has no "llama.attention.head_count" in its metadata
            llama.block_count             | has no "llama.block_count" in its metadata
            """)
    void aKeyThatIsMissingIsNamed(String key, String message) {
        byte[] bytes = withTable().bytes();
        byte[] spelled = key.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        int at = indexOf(bytes, spelled);
        bytes[at + spelled.length - 1] = 'X';
        Path path = folder.resolve("a.gguf");
        assertThatThrownBy(() -> Checkpoints.open(java.nio.file.Files.write(path, bytes)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("a.gguf: ")
                .hasMessageContaining(message);
    }

    private static int indexOf(byte[] bytes, byte[] part) {
        for (int at = 0; ; at++) {
            if (Arrays.equals(bytes, at, at + part.length, part, 0, part.length)) {
                return at;
            }
        }
    }

    @Test
    void whatIsNotSupportedIsSaid() {
        assertThatThrownBy(() -> open(new RawGguf().text("general.architecture", "rwkv7")))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(
                        "a.gguf: architecture \"rwkv7\" is not supported; supported in GGUF files: llama,");
        assertThatThrownBy(() -> open(llama())).hasMessage("a.gguf: has no tensor token_embd.weight");
        assertThatThrownBy(() -> open(withTable().numbers("llama.attention.head_count_kv", 1, 2)))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("\"llama.attention.head_count_kv\" differs from layer to layer");
        assertThatThrownBy(() -> open(withTable().number("llama.attention.head_count_kv", 0)))
                .hasMessageContaining("\"llama.attention.head_count_kv\" should be positive, is 0");
        assertThatThrownBy(() -> open(withTable().number("llama.attention.value_length", 8)))
                .hasMessageContaining("\"llama.attention.value_length\" should be 16, as long as keys, is 8");
        assertThatThrownBy(() -> open(withTable().number("llama.rope.dimension_count", 8)))
                .hasMessageContaining("8 of 16 values of a head rotate");
        assertThatThrownBy(() -> open(withTable().text("llama.rope.scaling.type", "mystery")))
                .hasMessageContaining("rope scaling \"mystery\" is not supported");
        try (Checkpoint file = open(withTable().tensor("blk.0.ffn_up.weight", 20, new byte[18 * 64], 32, 64))) {
            assertThatThrownBy(() -> file.linear(UP))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining(
                            "blk.0.ffn_up.weight is IQ4_NL, which is not supported; supported: F32, F16,");
            assertThatThrownBy(() -> file.tensor("model.norm.weight"))
                    .hasMessage("a.gguf has no tensor for model.norm.weight");
        }
    }

    @Test
    void classesOfTransformersHaveAPlace() {
        for (String name : List.of("LlamaForCausalLM", "YiForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")) {
            assertThat(Architecture.ofTransformers(name)).as(name).hasValue(Architecture.LLAMA);
        }
        assertThat(Architecture.ofTransformers("Gemma3ForCausalLM")).hasValue(Architecture.GEMMA3);
        assertThat(Architecture.ofTransformers("OPTForCausalLM")).isEmpty();
        var names = new TensorNames(Architecture.QWEN3_MOE, 4, 2);
        assertThat(names.stored("model.layers.3.mlp.experts.7.up_proj.weight"))
                .hasValue(new StoredPart("blk.3.ffn_up_exps.weight", 0, 7, false, false));
        assertThat(names.stored("model.layers.3.mlp.up_proj.extra")).isEmpty();
        var llama = new TensorNames(Architecture.LLAMA, 4, 2);
        assertThat(llama.stored("model.layers.0.self_attn.k_proj.bias"))
                .hasValue(new StoredPart("blk.0.attn_k.bias", 2, -1, false, false));
    }

    @Test
    void aTensorWithoutAPlaceKeepsItsName() {
        try (Checkpoint file = open(withTable().floats("blk.0.surprise.weight", new float[4], 4))) {
            assertThat(file.names()).containsExactly("model.embed_tokens.weight", "blk.0.surprise.weight");
            assertThat(file.tensor("blk.0.surprise.weight").shape()).isEqualTo(Shape.of(4));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q4_1", "Q8_0"})
    void plainBlocksBecomeGroupsCodeForCode(BlockType type) {
        float[] values = Samples.floats(5, 64 * 32);
        byte[] blocks = type.encode(values);
        Grouped expected = switch (type) {
            case Q4_0 -> new Grouped(4, 32, ZeroPoint.MIDDLE);
            case Q4_1 -> new Grouped(4, 32, ZeroPoint.FLOAT);
            default -> new Grouped(8, 32, ZeroPoint.MIDDLE);
        };
        try (Checkpoint file = open(withTable().tensor("blk.0.ffn_up.weight", type.id(), blocks, 32, 64))) {
            Weight weight = file.linear(UP);
            assertThat(weight.layout()).isEqualTo(expected).isEqualTo(file.layout(UP));
            assertThat(WeightCodec.decode(weight)).containsExactly(type.decode(blocks));
            assertThat(file.tensor(UP + ".weight").dtype()).isEqualTo(DType.F32);
            assertThat(file.tensor(UP + ".weight").toFloats()).containsExactly(type.decode(blocks));
            assertThat(file.quantization().orElseThrow().version()).isEqualTo(type.name());
            assertThat(file.quantization().orElseThrow().symmetric()).isEqualTo(type != BlockType.Q4_1);
        }
    }

    /** Any bits are codes; scales that are no numbers make values that are none, in the same places. */
    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q4_1", "Q8_0"})
    void anyBytesDecodeByTheDefinition(BlockType type) {
        byte[] blocks = type.encode(new float[64 * 32]);
        new SplittableRandom(9).nextBytes(blocks);
        try (Checkpoint file = open(withTable().tensor("blk.0.ffn_up.weight", type.id(), blocks, 32, 64))) {
            assertThat(WeightCodec.decode(file.linear(UP))).containsExactly(type.decode(blocks));
        }
    }

    @ParameterizedTest
    @EnumSource
    void otherBlocksStayAsTheyAre(GgufType type) {
        int columns = 2 * type.blockColumns();
        int width = 2 * type.blockBytes();
        byte[] blocks = new byte[8 * width];
        new SplittableRandom(8).nextBytes(blocks);
        int id = GgmlType.valueOf(type.name()).id();
        var raw = withTable()
                .tensor("blk.0.ffn_up.weight", id, blocks, columns, 8)
                .tensor("blk.0.attn_q.weight", id, blocks, columns, 8);
        try (Checkpoint file = open(raw)) {
            Weight weight = file.linear(UP);
            assertThat(weight.layout()).isEqualTo(new GgufBlock(type)).isEqualTo(file.layout(UP));
            assertThat(weight.values().toArray(ValueLayout.JAVA_BYTE)).containsExactly(blocks);
            assertThat(file.quantization().orElseThrow().bits()).isEqualTo(type.bits());
            byte[] queries =
                    file.linear("model.layers.0.self_attn.q_proj").values().toArray(ValueLayout.JAVA_BYTE);
            int[] rows = {0, 2, 1, 3, 4, 6, 5, 7};
            for (int r = 0; r < 8; r++) {
                assertThat(Arrays.copyOfRange(queries, r * width, (r + 1) * width))
                        .containsExactly(Arrays.copyOfRange(blocks, rows[r] * width, (rows[r] + 1) * width));
            }
        }
    }

    @Test
    void rowsOfQueriesAndKeysAreHalfAHeadApart() {
        var raw = withTable()
                .number("llama.attention.head_count_kv", 1)
                .floats("blk.0.attn_q.weight", new float[] {0, 1, 2, 3, 4, 5, 6, 7}, 1, 8)
                .floats("blk.0.attn_k.bias", new float[] {0, 1, 2, 3, 4, 5}, 6)
                .floats("blk.0.attn_v.bias", new float[] {0, 1, 2, 3}, 4)
                .tensor("blk.0.attn_k.weight", 2, BlockType.Q4_0.encode(ramp(6)), 32, 6);
        try (Checkpoint file = open(raw)) {
            String prefix = "model.layers.0.self_attn.";
            assertThat(file.tensor(prefix + "q_proj.weight").toFloats()).containsExactly(0, 2, 1, 3, 4, 6, 5, 7);
            assertThat(file.tensor(prefix + "k_proj.bias").toFloats()).containsExactly(0, 2, 4, 1, 3, 5);
            assertThat(file.tensor(prefix + "v_proj.bias").toFloats()).containsExactly(0, 1, 2, 3);
            float[] keys = WeightCodec.decode(file.linear(prefix + "k_proj"));
            float[] inOrder = BlockType.Q4_0.decode(BlockType.Q4_0.encode(ramp(6)));
            int[] rows = {0, 2, 4, 1, 3, 5};
            for (int r = 0; r < 6; r++) {
                assertThat(Arrays.copyOfRange(keys, r * 32, (r + 1) * 32))
                        .containsExactly(Arrays.copyOfRange(inOrder, rows[r] * 32, (rows[r] + 1) * 32));
            }
        }
        var odd = withTable().floats("blk.0.attn_q.weight", new float[6], 1, 6);
        try (Checkpoint file = open(odd)) {
            assertThatThrownBy(() -> file.linear("model.layers.0.self_attn.q_proj"))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining("attn_q.weight: expected pairs of rows for 2 heads, found [6, 1]");
        }
    }

    private static float[] ramp(int rows) {
        float[] values = new float[rows * 32];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / 32 + 1 + i % 32 / 32f;
        }
        return values;
    }

    @Test
    void damagedModelsAreReadOrRefused() {
        var raw = withTable()
                .number("llama.attention.head_count_kv", 1)
                .text("llama.rope.scaling.type", "linear")
                .real("llama.rope.scaling.factor", 4)
                .number("tokenizer.ggml.eos_token_id", 2)
                .texts("tokenizer.ggml.tokens", List.of("a", "<|end|>"))
                .numbers("tokenizer.ggml.token_type", 1, 3)
                .floats("output_norm.weight", new float[32], 32)
                .halves("blk.0.attn_q.weight", new float[4 * 32], 32, 4)
                .tensor("blk.0.ffn_up.weight", 3, new byte[20 * 8], 32, 8)
                .tensor("blk.0.ffn_down.weight", 12, new byte[144], 256, 1);
        byte[] whole = raw.bytes();
        Mutations.Outcome outcome = Mutations.of(whole, 20260801)
                .within(0, whole.length - 8 * 32 * 4 - 4 * 32 * 4)
                .read(3000, folder.resolve("m.gguf"), path -> {
                    try (Checkpoint file = Checkpoints.open(path)) {
                        for (String name : file.names()) {
                            Mutations.touch(file.tensor(name));
                            if (name.endsWith("proj.weight")) {
                                WeightCodec.decode(file.linear(name.substring(0, name.length() - 7)));
                            }
                        }
                    }
                });
        assertThat(outcome.malformed()).isGreaterThan(700);
        assertThat(outcome.unsupported()).isGreaterThan(20);
        assertThat(outcome.accepted()).isGreaterThan(500);
    }
}
