package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Config;
import awq4j.format.pickle.TorchModels;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConvertCommandTest {
    @TempDir
    private Path folder;

    @Test
    void writesTheFileOnceAndReplacesItWhenForced() throws IOException {
        Path model = quantized();
        Path json = folder.resolve("facts.json");
        var first = Program.run("convert", model, "--packed", "--threads", 2, "--json", json);
        assertThat(first.code()).as(first.toString()).isZero();
        Path file = model.resolve("awq4j.packed");
        assertThat(first.out()).startsWith("wrote " + file + ": 15 matrices, ").endsWith(" s\n");
        assertThat(first.err()).isEmpty();
        Config facts = Config.read(json);
        assertThat(facts.text("output")).isEqualTo(file.toString());
        assertThat(facts.json().get("bytes").asLong()).isEqualTo(Files.size(file));
        byte[] bytes = Files.readAllBytes(file);

        var again = Program.run("convert", model, "--packed");
        assertThat(again.code()).isEqualTo(1);
        assertThat(again.err()).contains(file + " exists already; --force replaces it");

        Files.write(file, new byte[] {1, 2, 3});
        assertThat(Program.run("convert", model, "--packed", "--force").code()).isZero();
        assertThat(file).hasBinaryContent(bytes);
        assertThat(model.resolve("awq4j.packed.tmp")).doesNotExist();
    }

    @Test
    void aFolderOfItsOwnRunsIsInspectedEvaluatedAndMeasured() throws IOException {
        Path model = quantized();
        Path own = folder.resolve("own");
        var made = Program.run("convert", model, "--packed", "-o", own);
        assertThat(made.code()).as(made.toString()).isZero();
        assertThat(made.out()).startsWith("wrote " + own + ": 15 matrices, ");
        assertThat(model.resolve("awq4j.packed")).doesNotExist();

        Object[] run = {"run", model, "--raw", "--prompt", "Once", "--max-tokens", 8, "--temperature", 0, "--quiet"};
        String expected = Program.run(run).out();
        Path text = folder.resolve("text.txt");
        Files.writeString(text, "Once upon a time there was a king who had a daughter. ".repeat(20));
        Object[] eval = {"eval", "perplexity", model, "--text", text, "--window", 64};
        String perplexity = Program.run(eval).out().lines().findFirst().orElseThrow();

        deleteWeights(model);
        run[1] = own;
        eval[2] = own;
        assertThat(Program.run(run).out()).isEqualTo(expected).isNotBlank();
        assertThat(Program.run(eval).out().lines().findFirst()).hasValue(perplexity);
        var inspected = Program.run("inspect", own);
        assertThat(inspected.code()).as(inspected.toString()).isZero();
        assertThat(inspected.out())
                .contains("awq4j.packed", "14 of 14 linears")
                .doesNotContain("cannot run", "not used by the model", "no linear is packed");
        Path json = folder.resolve("speed.json");
        var bench = Program.run(
                "bench", own, "--prompt", 8, "--generate", 4, "--runs", 1, "--read-region", 4, "--json", json);
        assertThat(bench.code()).as(bench.toString()).isZero();
        assertThat(Config.read(json).json().at("/results/0/weights").asString()).isEqualTo("packed file");
        assertThat(Program.run("convert", own, "--packed").err()).contains("consists of packed weights already");
        assertThat(Program.run("quantize", own, "--out", folder.resolve("again"), "--method", "rtn")
                        .err())
                .contains("is quantized already");
    }

    private static void deleteWeights(Path model) throws IOException {
        Files.delete(model.resolve("model.safetensors"));
    }

    @Test
    void aModelWithNothingToPackIsRefused() {
        Path plain = RandomModels.llama(folder.resolve("plain"), Sizes.SMALL, DType.F16, 1);
        var wrong = Program.run("convert", plain, "--packed");
        assertThat(wrong.code()).isEqualTo(1);
        assertThat(wrong.err()).contains(plain + " is not quantized", "there is nothing to pack");
        assertThat(plain.resolve("awq4j.packed")).doesNotExist();
    }

    @Test
    void scalarKernelsHaveNothingToPack() {
        var wrong = Program.run("convert", quantized(), "--packed", "--kernels", "scalar");
        assertThat(wrong.code()).isEqualTo(1);
        assertThat(wrong.err()).contains("read weights as they come, there is nothing to pack");
    }

    @Test
    void theFormIsAskedFor() {
        var wrong = Program.run("convert", folder);
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).contains("--to FORM, one of awq-gemm, ", "packed");
        assertThat(Program.run("convert", folder, "--to", "onnx").err()).contains("--to onnx: expected one of");
        assertThat(Program.run("convert", folder, "--to", "gptq").err()).contains("--to gptq needs OUT");
        assertThat(Program.run("convert", folder, "a", "--to", "gptq", "-o", "b")
                        .err())
                .contains("give one of them");
        assertThat(Program.run("convert", folder, "a", "--to", "gptq", "--packed")
                        .code())
                .isEqualTo(2);
        assertThat(Program.run("convert", "--help").out()).contains("awq-gemv-fast", "Examples:");
    }

    @Test
    void gptqIsMadeOfAwqAndRunsTheSame() throws IOException {
        Path model = quantized();
        Path gptq = folder.resolve("gptq");
        Path json = folder.resolve("facts.json");
        var made = Program.run("convert", model, gptq, "--to", "gptq", "--json", json);
        assertThat(made.code()).as(made.toString()).isZero();
        assertThat(made.out())
                .startsWith("wrote " + gptq + ": 14 matrices of codes, all as they were, ")
                .endsWith(" s\n");
        Config facts = Config.read(json);
        assertThat(facts.flag("exact", false)).isTrue();
        assertThat(facts.integer("matrices_of_codes")).isEqualTo(14);
        Object[] run = {"run", model, "--raw", "--prompt", "Once", "--max-tokens", 8, "--temperature", 0, "--quiet"};
        String expected = Program.run(run).out();
        run[1] = gptq;
        assertThat(Program.run(run).out()).isEqualTo(expected).isNotBlank();

        var again = Program.run("convert", model, gptq, "--to", "gptq");
        assertThat(again.code()).isEqualTo(1);
        assertThat(again.err()).contains("exists and is not empty");
        assertThat(Program.run("convert", model, gptq, "--to", "gptq", "--force")
                        .code())
                .isZero();

        Path packed = folder.resolve("packed");
        assertThat(Program.run("convert", gptq, packed, "--to", "packed").code())
                .isZero();
        run[1] = packed;
        assertThat(Program.run(run).out()).isEqualTo(expected);
        assertThat(Program.run("convert", packed, folder.resolve("back"), "--to", "gptq")
                        .err())
                .contains("in an order of these kernels' own");
    }

    @Test
    void lossIsSaidBeforeAndWantsConsent() throws IOException {
        Path model = quantized();
        Path plain = folder.resolve("plain");
        var refused = Program.run("convert", model, plain, "--to", "safetensors-f16");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err())
                .contains(
                        "safetensors-f16 cannot hold all of " + model + " as it is: 14 matrices: values finer than"
                                + " float16, rounded (weights change by 0.0",
                        "--lossy accepts that");
        assertThat(plain).doesNotExist();
        Path json = folder.resolve("facts.json");
        var made = Program.run("convert", model, plain, "--to", "safetensors-f16", "--lossy", "--json", json);
        assertThat(made.code()).as(made.toString()).isZero();
        assertThat(made.err()).contains("lost on the way: 14 matrices");
        Config facts = Config.read(json);
        assertThat(facts.flag("exact", true)).isFalse();
        assertThat(facts.json().get("relative_error").asDouble()).isBetween(1e-6, 1e-3);
        assertThat(facts.json().get("changed").size()).isEqualTo(14);
        assertThat(Program.run("inspect", plain).code()).isZero();
    }

    /** A file of PyTorch, beside other weights or alone in its folder, wherever a model is asked for. */
    @Test
    void filesOfPyTorchAreModels() throws IOException {
        Path model = quantized();
        Object[] run = {"run", model, "--raw", "--prompt", "Once", "--max-tokens", 8, "--temperature", 0, "--quiet"};
        String expected = Program.run(run).out();
        Path fast = folder.resolve("fast");
        assertThat(Program.run("convert", model, fast, "--to", "awq-gemv-fast").code())
                .isZero();
        Path file = TorchModels.write(
                fast.resolve("model.safetensors"),
                folder.resolve("source").resolve("tiny-awq-v2.pt"),
                name -> name.replace(".qzeros", ".scaled_zeros"));
        run[1] = file;
        assertThat(Program.run(run).out()).isEqualTo(expected).isNotBlank();
        var inspected = Program.run("inspect", file);
        assertThat(inspected.code()).as(inspected.toString()).isZero();
        assertThat(inspected.out())
                .contains("14 of 14 linears", "groups of 32", "tokenizer.json")
                .doesNotContain("cannot run", "model.safetensors ");
        Path text = folder.resolve("text.txt");
        Files.writeString(text, "Once upon a time there was a king who had a daughter. ".repeat(20));
        assertThat(Program.run("eval", "perplexity", file, "--text", text, "--window", 64)
                        .code())
                .isZero();
        assertThat(Program.run("bench", file, "--prompt", 8, "--generate", 4, "--runs", 1, "--read-region", 4)
                        .code())
                .isZero();
        Path gptq = folder.resolve("gptq");
        assertThat(Program.run("convert", file, gptq, "--to", "gptq").code()).isZero();
        run[1] = gptq;
        assertThat(Program.run(run).out()).isEqualTo(expected);

        Path plain = folder.resolve("source");
        Path bin =
                TorchModels.write(plain.resolve("model.safetensors"), plain.resolve("pytorch_model.bin"), name -> name);
        Files.delete(plain.resolve("model.safetensors"));
        run[1] = plain;
        String floats = Program.run(run).out();
        run[1] = bin;
        assertThat(Program.run(run).out()).isEqualTo(floats).isNotBlank();
        for (Path named : new Path[] {plain, bin}) {
            var whole = Program.run("inspect", named);
            assertThat(whole.code()).as(whole.toString()).isZero();
            assertThat(whole.out()).contains("pytorch_model.bin").doesNotContain("cannot run", "not part of the model");
        }
        var quantized =
                Program.run("quantize", bin, "--out", folder.resolve("again"), "--method", "rtn", "--group-size", 32);
        assertThat(quantized.code()).as(quantized.toString()).isZero();

        Path alone = Files.copy(bin, folder.resolve("alone.bin"));
        assertThat(Program.run("run", alone, "--prompt", "x").err()).contains("put the model's config.json");
    }

    private Path quantized() {
        var sizes = new Sizes(64, 128, 2, 4, 2, 4096, false);
        Path plain = RandomModels.llama(folder.resolve("source"), sizes, DType.F16, 1);
        RandomModels.addTokenizer(plain);
        Path out = folder.resolve("q4");
        var made = Program.run("quantize", plain, "--out", out, "--method", "rtn", "--group-size", 32);
        assertThat(made.code()).as(made.toString()).isZero();
        return out;
    }
}
