package awq4j.cli.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileChoiceTest {
    private static final ModelName MODEL = new ModelName("org/model", ModelName.MAIN);

    @Test
    void safetensorsAreEnough() {
        assertThat(usual(
                        ".gitattributes",
                        "README.md",
                        "LICENSE",
                        "config.json",
                        "generation_config.json",
                        "model.safetensors",
                        "pytorch_model.bin",
                        "tf_model.h5",
                        "flax_model.msgpack",
                        "rust_model.ot",
                        "tokenizer.json",
                        "vocab.json",
                        "merges.txt",
                        "tokenizer.model",
                        "onnx/model.onnx",
                        "onnx/config.json",
                        "logo.png",
                        "chat_template.jinja",
                        "additional_chat_templates/tools.jinja",
                        "training_args.bin"))
                .containsExactly(
                        "README.md",
                        "LICENSE",
                        "config.json",
                        "generation_config.json",
                        "model.safetensors",
                        "tokenizer.json",
                        "vocab.json",
                        "merges.txt",
                        "tokenizer.model",
                        "chat_template.jinja",
                        "additional_chat_templates/tools.jinja");
    }

    @Test
    void shardsComeWithTheirIndexAndWithoutTheOriginalForm() {
        assertThat(usual(
                        "config.json",
                        "consolidated.safetensors",
                        "consolidated.00.pth",
                        "params.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        "model.safetensors.index.json",
                        "model.fp16.safetensors",
                        "pytorch_model-00001-of-00002.bin",
                        "pytorch_model.bin.index.json",
                        "original/consolidated.00.pth",
                        "original/params.json"))
                .containsExactly(
                        "config.json",
                        "params.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        "model.safetensors.index.json");
    }

    @Test
    void otherNamesOfSafetensorsAreTakenWhereThereIsNoUsualOne() {
        assertThat(usual("config.json", "gptq_model-4bit-128g.safetensors", "quantize_config.json", "model.bin"))
                .containsExactly("config.json", "gptq_model-4bit-128g.safetensors", "quantize_config.json");
    }

    @Test
    void pickledWeightsAreTakenWhereThereAreNoOthers() {
        assertThat(usual("config.json", "pytorch_model.bin", "optimizer.pt", "flax_model.msgpack", "tf_model.h5"))
                .containsExactly("config.json", "pytorch_model.bin");
    }

    @Test
    void oneGgufFileIsTakenAndOfManyOneIsToBeChosen() {
        assertThat(usual("README.md", "m.gguf")).containsExactly("README.md", "m.gguf");
        assertThat(usual("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")).hasSize(2);
        assertThat(usual("config.json", "model.safetensors", "m-q4.gguf", "m-q8.gguf"))
                .containsExactly("config.json", "model.safetensors");
        assertThatThrownBy(() -> usual("m-q4.gguf", "m-q8.gguf", "README.md"))
                .isInstanceOf(HubException.class)
                .hasMessage(
                        "org/model holds 2 GGUF files, of which one is enough; choose it, for example with --include"
                                + " \"m-q4.gguf\"");
    }

    @Test
    void modelInPartsIsTakenFromItsFolders() {
        assertThat(usual(
                        "config.json",
                        "llm/config.json",
                        "llm/model-00001-of-00001.safetensors",
                        "vision_tower/config.json",
                        "vision_tower/model.safetensors",
                        "checkpoint-500/model.safetensors",
                        "runs/events"))
                .containsExactly(
                        "config.json",
                        "llm/config.json",
                        "llm/model-00001-of-00001.safetensors",
                        "vision_tower/config.json",
                        "vision_tower/model.safetensors");
    }

    @Test
    void patternsReplaceTheUsualChoiceAndLeaveOut() {
        List<RemoteFile> files = files("config.json", "a.bin", "sub/b.bin", "model.safetensors");
        assertThat(names(
                        FileChoice.of(MODEL, files, List.of("*.bin"), List.of()).taken()))
                .containsExactly("a.bin", "sub/b.bin");
        assertThat(names(FileChoice.of(MODEL, files, List.of("*.bin"), List.of("sub/"))
                        .taken()))
                .containsExactly("a.bin");
        assertThat(names(FileChoice.of(MODEL, files, List.of(), List.of("*.json"))
                        .taken()))
                .containsExactly("model.safetensors");
        assertThatThrownBy(() -> FileChoice.of(MODEL, files, List.of("*.gguf"), List.of()))
                .hasMessage(
                        "no file of org/model is like *.gguf; it has config.json, a.bin, sub/b.bin, model.safetensors");
        assertThatThrownBy(() -> FileChoice.of(MODEL, files, List.of(), List.of("*")))
                .hasMessageStartingWith("nothing of org/model is left to download");
    }

    @ParameterizedTest
    @CsvSource({
        "*.json, config.json, true",
        "*.json, a/b.json, true",
        "*.json, config.jsonl, false",
        "config.json, a/config.json, false",
        "config.json, configxjson, false",
        "?.txt, a.txt, true",
        "?.txt, ab.txt, false",
        "[ab].txt, b.txt, true",
        "[!ab].txt, b.txt, false",
        "[!ab].txt, c.txt, true",
        "[.txt, [.txt, true",
        "[^a].txt, ^.txt, true",
        "a/, a/b/c, true",
        "a/, ab, false",
        "*Q4_K*.gguf, m-Q4_K_M.gguf, true",
        "*q4*, m-Q4.gguf, false",
        "a(b)+.txt, a(b)+.txt, true"
    })
    void patternsAreThoseOfShells(String glob, String path, boolean matches) {
        assertThat(Glob.of(glob).matches(file(path))).isEqualTo(matches);
    }

    @Test
    void impossiblePatternsAreRefused() {
        assertThatThrownBy(() -> Glob.of("[b-a]x"))
                .isInstanceOf(HubException.class)
                .hasMessage("\"[b-a]x\" is not a pattern for files, such as \"*.json\"");
    }

    private static List<String> usual(String... paths) {
        return names(FileChoice.of(MODEL, files(paths), List.of(), List.of()).taken());
    }

    private static List<RemoteFile> files(String... paths) {
        return java.util.Arrays.stream(paths).map(FileChoiceTest::file).toList();
    }

    private static RemoteFile file(String path) {
        return new RemoteFile(path, 1, "0".repeat(40));
    }

    private static List<String> names(List<RemoteFile> files) {
        return files.stream().map(RemoteFile::path).toList();
    }
}
