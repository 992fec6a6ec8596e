package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class InspectCommandTest {
    private static final String PACKED = "quantization/llama_tiny/autoawq_gemm_ckpt";

    @TempDir
    private Path folder;

    @Test
    void aPlainModelIsDescribed() {
        var program = Program.run("inspect", GoldenFiles.path("quantization/llama_tiny"));
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.err()).isEmpty();
        assertThat(program.out().lines())
                .contains(
                        "llama_tiny",
                        "architecture    LlamaForCausalLM",
                        "family          llama, 2 layers of width 256",
                        "attention       4 heads of 64 over 2 of keys and values",
                        "feed-forward    width 512, gated, silu",
                        "context         2,048 tokens, rotary positions",
                        "vocabulary      512 tokens, output projection of its own",
                        "parameters      1.44 M",
                        "  attention        393 K  27.2 %",
                        "  norms           1.28 K   0.1 %",
                        "                F16       21 tensors     2.75 MiB",
                        "quantization    none",
                        "to run          2.75 MiB of weights, 1.00 MiB for each 1,024 tokens of context",
                        "tokenizer       none",
                        "chat template   none");
        assertThat(program.out()).doesNotContain("cannot run", "model.norm.weight");
        assertThat(program.out().lines()).allMatch(line -> line.length() <= Screen.WIDTH);
    }

    @Test
    void aPackedModelCountsItsLinears() {
        var program = Program.run("inspect", GoldenFiles.path(PACKED), "--tensors");
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out())
                .contains(
                        "parameters      1.44 M",
                        "quantization    awq, 4 bits, groups of 128, with zeros, packed as gemm",
                        "  packed        14 of 14 linears; output projection plain",
                        "model.layers.1.mlp.down_proj.qweight",
                        "[512, 32]")
                .doesNotContain("to quantize", "cannot run");
    }

    @Test
    void aModelPackedByGptqCountsItsLinears() {
        var program = Program.run("inspect", GoldenFiles.path("quantization/llama_tiny/gptq_v1_ckpt"));
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out())
                .contains(
                        "parameters      1.44 M",
                        "quantization    gptq, 4 bits, groups of 128, symmetric, packed as gptq",
                        "  packed        14 of 14 linears; output projection plain")
                .doesNotContain("cannot run", "not used by the model");
    }

    @Test
    void machinesGetTheNumbers() throws IOException {
        Path file = folder.resolve("facts.json");
        var program = Program.run("inspect", GoldenFiles.path(PACKED), "--tensors", "--json", file);
        assertThat(program.code()).as("%s", program).isZero();
        JsonNode json = JsonMapper.shared().readTree(Files.readString(file));
        assertThat(json.at("/runs").asBoolean()).isTrue();
        assertThat(json.at("/family").asString()).isEqualTo("llama");
        assertThat(json.at("/parameters/total").asLong()).isEqualTo(1_443_072);
        assertThat(json.at("/quantization/bits").asInt()).isEqualTo(4);
        assertThat(json.at("/quantization/packed").asInt()).isEqualTo(14);
        assertThat(json.at("/tensors").size()).isEqualTo(49);
        assertThat(json.at("/tensors/0/shape").toString()).isEqualTo("[512,32]");
        assertThat(json.at("/weights/bytes").asLong()).isEqualTo(1_144_776);
        assertThat(json.at("/memory/kv_per_1024_tokens").asLong()).isEqualTo(2 * 2 * 2 * 64 * 2 * 1024);
        // 4 bits a code, 5 bytes a group of 128; embedding and head in float16, norms in float32
        long codes = 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256);
        assertThat(json.at("/memory/weights").asLong())
                .isEqualTo(codes / 2 + codes / 128 * 5 + 2 * 2 * 512 * 256 + 4 * 5 * 256);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "models/opt",
                "models/qwen2",
                "models/qwen3",
                "models/mistral_sw",
                "models/mixtral",
                "models/qwen2_moe",
                "models/qwen3_moe",
                "models/llama_rope_yarn",
                "models/llama_tied_bias",
                "models/checkpoint_formats/bf16_sharded",
                "quantization/opt_tiny/autoawq_gemm_ckpt"
            })
    void goldenModelsRunAndFitThePage(String golden) {
        var program = Program.run("inspect", GoldenFiles.path(golden));
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out()).doesNotContain("cannot run", "is not used", "disagree");
        assertThat(program.out().lines()).allMatch(line -> line.length() <= Screen.WIDTH);
    }

    @Test
    void expertsAreCounted() {
        assertThat(Program.run("inspect", GoldenFiles.path("models/mixtral"))
                        .out()
                        .lines())
                .contains(
                        "feed-forward    4 experts of width 64, 2 for each token, gated, silu",
                        "parameters      66.0 K, 41.4 K of them for each token");
        assertThat(Program.run("inspect", GoldenFiles.path("models/qwen2_moe"))
                        .out()
                        .lines())
                .contains(
                        "feed-forward    4 experts of width 32, 2 for each token, one of 48 for all,",
                        "                gated, silu",
                        "parameters      50.8 K, 38.5 K of them for each token");
    }

    @Test
    void anUnknownFamilyShowsWhatIsKnown() {
        ModelFolders.copy(PACKED, folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putArray("architectures").add("MambaForCausalLM"));
        var program = Program.run("inspect", folder);
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out())
                .contains(
                        "architecture    MambaForCausalLM",
                        "cannot run      architecture MambaForCausalLM is not supported; supported:",
                        "config.json     hidden_size 256",
                        "parameters      1.44 M, by the tensors",
                        "awq, 4 bits, groups of 128");
        assertThat(program.out().lines()).allMatch(line -> line.length() <= Screen.WIDTH);
    }

    @Test
    void anotherMethodOfQuantizationIsNamed() {
        ModelFolders.copy("quantization/llama_tiny", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putObject("quantization_config").put("quant_method", "eetq"));
        var program = Program.run("inspect", folder);
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out()).contains("cannot run      config.json: quant_method \"eetq\" is not supported");
    }

    @Test
    void tensorsThatDoNotFitAreToldBeforeRunning() {
        ModelFolders.copy("quantization/llama_tiny", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.put("vocab_size", 500)
                        .put("num_hidden_layers", 1)
                        .put("torch_dtype", "bfloat16")
                        .remove("eos_token_id"));
        var program = Program.run("inspect", folder);
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out().replaceAll("\\s+", " "))
                .contains(
                        "cannot run tensors and config.json disagree: model.embed_tokens.weight: config.json asks for"
                                + " [500, 256], file has [512, 256]; 1 more",
                        "lm_head.weight: config.json asks for [500, 256], file has [512, 256]",
                        "note not used by the model: model.layers.1.input_layernorm.weight,"
                                + " model.layers.1.mlp.down_proj.weight, model.layers.1.mlp.gate_proj.weight and 6 more"
                                + " tensors",
                        "note config.json states bfloat16, no tensor has that type",
                        "note not part of the model: autoawq_duo_noclip_w4g128.safetensors, autoawq_duo_w4g128",
                        "note no eos_token_id is stated");
    }

    @Test
    void aTokenizerLargerThanTheModelIsOdd() throws IOException {
        ModelFolders.copy("quantization/llama_tiny", folder);
        try (var tokenizer = InspectCommandTest.class.getResourceAsStream("/tokenizer/tokenizer.json")) {
            Files.copy(java.util.Objects.requireNonNull(tokenizer), folder.resolve("tokenizer.json"));
        }
        ModelFolders.edit(folder.resolve("tokenizer_config.json"), json -> json.put("chat_template", "{{ x }}"));
        var program = Program.run("inspect", folder);
        assertThat(program.out()).as("%s", program).containsPattern("tokenizer +tokenizer.json, [\\d,]+ tokens");
        assertThat(program.out()).contains("chat template   default");
        Files.writeString(folder.resolve("tokenizer.json"), "{");
        program = Program.run("inspect", folder);
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out())
                .contains("tokenizer       tokenizer.json, cannot be read", "note            tokenizer.json @ ");
    }

    @Test
    void aSingleFileListsItsTensors() {
        var program =
                Program.run("inspect", GoldenFiles.path("quantization/unit/awq_packings.safetensors"), "--tensors");
        assertThat(program.code()).as("%s", program).isZero();
        assertThat(program.out()).contains("awq_packings.safetensors", "g128.gemm.qweight", "cannot run");
    }

    @Test
    void damageIsOneSentence() throws IOException {
        ModelFolders.copy("quantization/llama_tiny", folder);
        try (var file = new RandomAccessFile(folder.resolve("model.safetensors").toFile(), "rw")) {
            file.setLength(2_000_000);
        }
        var program = Program.run("inspect", folder);
        assertThat(program.code()).isEqualTo(1);
        assertThat(program.out()).isEmpty();
        assertThat(program.err()).startsWith("awq4j: model.safetensors @ ").contains("ends at byte");
        assertThat(program.err().lines()).hasSize(1);
    }

    @Test
    void weightsOfAnotherFormatAreNamed() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{}");
        Files.writeString(folder.resolve("a.pt"), "x");
        Files.writeString(folder.resolve("b.pt"), "x");
        var program = Program.run("inspect", folder);
        assertThat(program.code()).isEqualTo(1);
        assertThat(program.err())
                .contains("weights come as a.pt, b.pt; expected model.safetensors or pytorch_model.bin");
    }

    @Test
    void whatIsNoModelIsRefusedAndWrongUsageIsTold() {
        var none = Program.run("inspect", folder);
        assertThat(none.code()).isEqualTo(1);
        assertThat(none.err()).contains("is not a model folder: it has no config.json");
        var missing = Program.run("inspect");
        assertThat(missing.code()).isEqualTo(2);
        assertThat(missing.err()).contains("MODEL");
    }

    @Test
    void namesCannotMoveTheCursor() {
        ModelFolders.copy("quantization/llama_tiny", folder);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putArray("architectures").add("Evil\u001b[2J"));
        assertThat(Program.run("inspect", folder).out()).contains("Evil?[2J").doesNotContain("\u001b");
    }
}
