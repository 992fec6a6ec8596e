package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.model.family.Families;
import awq4j.testing.ModelFolders;
import awq4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

/** Model folders that are incomplete, contradictory or hostile: one sentence each, and no memory taken on their word. */
class HostileFolderTest {
    private static final String LLAMA = "models/llama_gqa";
    private static final String SHARDED = "models/checkpoint_formats/bf16_sharded";
    private static final String PACKED = "quantization/llama_tiny/autoawq_gemm_ckpt";

    @TempDir
    private Path folder;

    /** Golden model, key of config.json, JSON to put there ({@code -} removes it), what the sentence says. */
    static Stream<Arguments> configurations() {
        return Stream.of(
                Arguments.of(LLAMA, "architectures", "-", "config.json: has no \"architectures\", so its family"),
                Arguments.of(LLAMA, "architectures", "\"LlamaForCausalLM\"", "\"architectures\" should be a list of"),
                Arguments.of(LLAMA, "hidden_size", "-", "config.json: has no \"hidden_size\""),
                Arguments.of(LLAMA, "hidden_size", "\"256\"", "\"hidden_size\" should be an integer, is \"256\""),
                Arguments.of(
                        LLAMA, "hidden_size", "0", "\"hidden_size\" should be an integer from 1 to 16777216, is 0"),
                Arguments.of(
                        LLAMA, "hidden_size", "2147483647", "should be an integer from 1 to 16777216, is 2147483647"),
                Arguments.of(LLAMA, "num_hidden_layers", "1000000000", "from 1 to 10000, is 1000000000"),
                Arguments.of(LLAMA, "num_hidden_layers", "-1", "from 1 to 10000, is -1"),
                Arguments.of(LLAMA, "num_hidden_layers", "9999", "has no tensor model.layers.2."),
                Arguments.of(LLAMA, "num_attention_heads", "0", "\"num_attention_heads\" should be an integer from 1"),
                Arguments.of(LLAMA, "num_attention_heads", "7", "does not divide by num_attention_heads 7"),
                Arguments.of(LLAMA, "num_key_value_heads", "0", "\"num_key_value_heads\" should divide"),
                Arguments.of(LLAMA, "num_key_value_heads", "3", "should divide num_attention_heads 4, is 3"),
                Arguments.of(LLAMA, "head_dim", "33", "found theta 10000.0 and 33 of 33 values"),
                Arguments.of(LLAMA, "head_dim", "1000000", "\"head_dim\" should be an integer from 1 to 16384"),
                Arguments.of(LLAMA, "vocab_size", "2000000000", "\"vocab_size\" should be an integer from 1 to"),
                Arguments.of(LLAMA, "vocab_size", "161", "model.embed_tokens.weight: config.json asks for [161, "),
                Arguments.of(LLAMA, "intermediate_size", "64", "gate_proj.weight: config.json asks for [64, "),
                Arguments.of(LLAMA, "max_position_embeddings", "-5", "\"max_position_embeddings\" should be"),
                Arguments.of(LLAMA, "rms_norm_eps", "\"small\"", "\"rms_norm_eps\" should be a number"),
                Arguments.of(LLAMA, "hidden_act", "\"mish\"", "activation \"mish\" is not supported; supported: silu"),
                Arguments.of(LLAMA, "rope_theta", "-1", "rotary positions need a positive theta"),
                Arguments.of(LLAMA, "rope_scaling", "{\"type\":\"spiral\"}", "rope type \"spiral\" in config.json"),
                Arguments.of(LLAMA, "rope_scaling", "{\"type\":\"linear\"}", "has no \"rope_scaling.factor\""),
                Arguments.of(LLAMA, "rope_scaling", "{\"type\":\"linear\",\"factor\":0}", "factor should be positive"),
                Arguments.of(LLAMA, "rope_scaling", "[]", "\"rope_scaling\" should be an object, is []"),
                Arguments.of(
                        LLAMA,
                        "quantization_config",
                        "{\"quant_method\":\"eetq\"}",
                        "config.json: quant_method \"eetq\" is not supported; supported: awq, gptq, compressed-tensors"),
                Arguments.of(PACKED, "quantization_config", "-", "config.json: has no quantization_config, but model."),
                Arguments.of(PACKED, "quantization_config", "7", "\"quantization_config\" should be an object, is 7"),
                quantized("\"bits\":3", "config.json: AWQ version gemm holds 4 or 8 bits, found 3"),
                quantized("\"bits\":8", "qweight: expected [256, 64], found [256, 32]"),
                quantized("\"bits\":3,\"version\":\"gemv\"", "config.json: AWQ version gemv holds 4 bits, found 3"),
                quantized(
                        "\"bits\":4,\"version\":\"exllama\"",
                        "AWQ version \"exllama\" is not supported; supported: gemm, gemv, gemv_fast, awq4j-dense"),
                quantized("\"bits\":4,\"version\":\"gemv_fast\"", "qweight: expected I16, found I32"),
                quantized(
                        "\"bits\":4,\"group_size\":128,\"version\":\"gemv\"",
                        "qzeros: expected [256, 1], found [2, 32]"),
                Arguments.of(
                        PACKED,
                        "quantization_config",
                        "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"weights\":{\"num_bits\":4}}}}",
                        "config.json: states the packing pack-quantized, but model.layers.0.self_attn.q_proj has a"
                                + " qweight"),
                quantized("\"bits\":40", "bits 40 in config.json is not supported; supported: 2 to 8"),
                quantized("\"group_size\":128", "has no \"quantization_config.w_bit\""),
                quantized("\"bits\":4,\"group_size\":0", "group_size should be positive or -1, is 0"),
                quantized("\"bits\":4,\"group_size\":96", "cannot be packed with group size 96"),
                quantized("\"bits\":4,\"group_size\":64", "qzeros: expected [4, 32], found [2, 32]"),
                quantized("\"bits\":4,\"group_size\":2147483647", "cannot be packed with group size 2147483647"),
                quantized("\"bits\":3,\"version\":\"awq4j-dense\"", "qweight: expected [256, 24], found [256, 32]"));
    }

    private static Arguments quantized(String fields, String message) {
        return Arguments.of(PACKED, "quantization_config", "{" + fields + "}", message);
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void configurationsThatLieAreRefused(String golden, String key, String value, String message) {
        ModelFolders.copy(golden, folder);
        ModelFolders.edit(folder.resolve("config.json"), json -> {
            json.remove(key);
            if (!value.equals("-")) {
                json.set(key, JsonMapper.shared().readTree(value));
            }
        });
        refused(message);
    }

    @Test
    void whatIsNoModelFolderSaysWhatIsExpected() throws IOException {
        Path nothing = folder.resolve("nothing");
        assertThatThrownBy(() -> Checkpoints.open(nothing))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("nothing: no such folder or file: " + nothing);
        Path file = Files.writeString(folder.resolve("file"), "x");
        assertThatThrownBy(() -> Checkpoints.open(file))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage(
                        "file: expected a model folder with config.json and .safetensors files, or a .gguf file, found"
                                + " another file");
        refused("expected a model folder, found no config.json in " + folder);
        Files.writeString(folder.resolve("config.json"), "{}");
        refused("has config.json but no weights: expected model.safetensors or its index");
        Files.writeString(folder.resolve("pytorch_model.bin"), "x");
        refused("pytorch_model.bin @ 0: expected a PyTorch file, has 1 bytes");
    }

    @Test
    void aMissingShardIsNamed() throws IOException {
        ModelFolders.copy(SHARDED, folder);
        Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
        refused("model.safetensors.index.json: names the shard model-00002-of-00002.safetensors, which is missing in "
                + folder);
    }

    @Test
    void anIndexThatLiesIsRefused() throws IOException {
        ModelFolders.copy(SHARDED, folder);
        place("model.norm.weight", "model-00001-of-00002.safetensors");
        refused(
                "model.safetensors.index.json: puts tensor model.norm.weight into model-00001-of-00002.safetensors, which"
                        + " does not have it");
        place("model.norm.weight", "config.json");
        refused("config.json @ 0: header length");
        ModelFolders.edit(index(), json -> json.put("weight_map", 1));
        refused("model.safetensors.index.json: \"weight_map\" should be an object, is 1");
        ModelFolders.edit(index(), json -> json.putObject("weight_map").put("a", 1));
        refused("model.safetensors.index.json: \"weight_map.a\" should be a string, is 1");
        ModelFolders.edit(index(), json -> json.putObject("weight_map"));
        refused("model.safetensors.index.json: \"weight_map\" names no tensor");
        ModelFolders.edit(index(), json -> json.remove("weight_map"));
        refused("model.safetensors.index.json: has no \"weight_map\"");
        Files.writeString(index(), "{");
        refused("model.safetensors.index.json @ 1: not JSON: it ends too early");
    }

    @Test
    void anIndexCannotPointOutside() throws IOException {
        Path model = ModelFolders.copy(SHARDED, folder.resolve("model"));
        Files.copy(model.resolve("model-00001-of-00002.safetensors"), folder.resolve("outside.safetensors"));
        for (String outside : new String[] {
            "../outside.safetensors",
            folder.resolve("outside.safetensors").toString(),
            "..\\outside.safetensors",
            "C:outside.safetensors",
            "..",
            ".",
            "",
            "a\u0000b"
        }) {
            ModelFolders.edit(
                    model.resolve("model.safetensors.index.json"),
                    json -> json.putObject("weight_map").put("model.norm.weight", outside));
            assertThatThrownBy(() -> Checkpoints.open(model))
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessage("model.safetensors.index.json: names the shard \"" + outside.replace('\0', '?')
                            + "\", expected a file beside it");
        }
    }

    @Test
    void aMissingPartOfAPackedLinearIsNamed() {
        String linear = "model.layers.0.mlp.up_proj";
        for (String part : new String[] {"qzeros", "scales"}) {
            without(PACKED, name -> !name.equals(linear + "." + part));
            refused(linear + " is packed but has no " + part);
        }
    }

    @Test
    void aMissingTensorIsNamedWithItsNeighbours() {
        without(LLAMA, name -> !name.equals("model.norm.weight"));
        refused(" has no tensor model.norm.weight; it has ");
    }

    @Test
    void anEmptyFileOfWeightsHasNoTensor() {
        without(LLAMA, name -> false);
        refused(" has no tensor model.embed_tokens.weight: it has none at all");
    }

    @Test
    void aMissingTokenizerIsNamed() {
        ModelFolders.copy(LLAMA, folder);
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageStartingWith("no tokenizer in " + folder + ": looked for tokenizer.json");
    }

    @Test
    void aDamagedTokenizerIsNamed() throws IOException {
        for (String text : new String[] {
            "",
            "[]",
            "{",
            "{}",
            "{\"model\":{\"vocab\":{\"a\":\"b\"}}}",
            "{\"model\":{\"vocab\":{\"a\":-1}}}",
            "{\"model\":{\"vocab\":{\"a\":999999999}}}",
            "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}",
            "{\"model\":{\"vocab\":" + "[".repeat(5000)
        }) {
            Files.writeString(folder.resolve("tokenizer.json"), text);
            assertThatThrownBy(() -> Tokenizer.open(folder))
                    .as("tokenizer.json: %.60s", text)
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageStartingWith("tokenizer.json");
        }
    }

    /** Opens the folder as running it does, every tensor included. */
    private void refused(String message) {
        assertThatThrownBy(() -> {
                    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
                        load(Families.spec(checkpoint), Parameters.of(checkpoint));
                    }
                })
                .satisfies(e ->
                        assertThat(e).isInstanceOfAny(MalformedFileException.class, UnsupportedModelException.class))
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(500).doesNotContain("\n"))
                .hasMessageContaining(message);
    }

    private static void load(ModelSpec spec, Parameters parameters) {
        parameters.matrix(spec.table());
        for (BlockSpec block : spec.blocks()) {
            block.norms().forEach(norm -> load(norm, parameters));
            block.linears().forEach(parameters::matrix);
        }
        spec.outerNorms().forEach(norm -> load(norm, parameters));
        parameters.matrix(spec.head().linear());
    }

    private static void load(Norm norm, Parameters parameters) {
        norm.tensors().forEach(name -> parameters.vector(name, norm.size()));
    }

    private Path index() {
        return folder.resolve("model.safetensors.index.json");
    }

    private void place(String tensor, String shard) {
        ModelFolders.edit(
                index(), json -> ((tools.jackson.databind.node.ObjectNode) json.get("weight_map")).put(tensor, shard));
    }

    /** A copy of a golden model with some of its tensors only. */
    private void without(String golden, Predicate<String> kept) {
        Path original = ModelFolders.copy(golden, folder.resolve("original")).resolve("model.safetensors");
        try (var file = SafetensorsFile.open(original)) {
            SafetensorsWriter.write(
                    folder.resolve("model.safetensors"),
                    file.metadata(),
                    file.names().stream()
                            .filter(kept)
                            .map(name -> Source.of(name, file.tensor(name)))
                            .toList());
            Files.copy(
                    original.resolveSibling("config.json"),
                    folder.resolve("config.json"),
                    java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            try (Stream<Path> files = Files.list(folder.resolve("original"))) {
                for (Path copied : files.toList()) {
                    Files.delete(copied);
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
