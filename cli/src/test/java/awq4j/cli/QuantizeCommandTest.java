package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Config;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import awq4j.testing.TinyModels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class QuantizeCommandTest {
    @TempDir
    private Path folder;

    @Test
    void aReportShowsTheQuantizationLayerByLayer() throws IOException {
        Path page = folder.resolve("picture.html");
        Path model = model(2);
        List<Object> command = List.of("quantize", model, "--group-size", 32, "--samples", 2, "--sequence-length", 128);
        var program =
                Program.run(with(command, "--search-tokens", 64, "--out", folder.resolve("out"), "--report", page));
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.err()).endsWith("awq4j: the picture is in " + page + System.lineSeparator());
        JsonNode json = data(page);
        assertThat(numbers(json, "loss_after")).hasSize(14).allMatch(loss -> loss > 0);
        assertThat(numbers(json, "clip")).hasSize(10).allMatch(kept -> kept > 0.4 && kept <= 1);
        // four inputs in each of two blocks, before and after
        assertThat(numbers(json, "salient")).hasSize(16).allMatch(times -> times > 0);
        assertThat(json.path("views")
                        .valueStream()
                        .map(view -> view.path("title").asString()))
                .contains("Clips", "Salient channels before and after scaling");

        var corrected = Program.run(with(command, "--out", folder.resolve("c"), "--report", page, "--method", "gptq"));
        assertThat(corrected.code()).as(corrected.toString()).isZero();
        assertThat(numbers(data(page), "loss_after")).hasSize(14);
        assertThat(numbers(data(page), "clip")).isEmpty();

        var mixed = Program.run(
                with(command, "--out", folder.resolve("m"), "--report", page, "--bits", "auto", "--budget", 3.5));
        assertThat(mixed.code()).as(mixed.toString()).isZero();
        assertThat(numbers(data(page), "loss_after")).hasSize(14).allMatch(loss -> loss > 0);

        var nothing = Program.run("quantize", model, "--out", "x", "--method", "rtn", "--report", page);
        assertThat(nothing.code()).isEqualTo(2);
        assertThat(nothing.err()).contains("--method rtn measures nothing that --report could show");
        var missing = Program.run("quantize", model, "--out", "x", "--report", folder.resolve("none/a.html"));
        assertThat(missing.err()).contains("there is no folder " + folder.resolve("none"));
    }

    @Test
    void expertsThatSawTooLittleAreNamed() throws IOException {
        Path page = folder.resolve("picture.html");
        Path model = TinyModels.golden("mixtral", folder);
        List<Object> command = List.of(
                "quantize", model, "--group-size", 32, "--samples", 2, "--sequence-length", 64, "--report", page);
        var program = Program.run(with(command, "--out", folder.resolve("out"), "--expert-tokens", 40));
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out())
                .containsPattern(
                        "experts  8 saw \\d+ to \\d+ calibration tokens; \\d of them too few for a search, and were"
                                + " rounded plainly \\(RTN\\): more text or --route-all-experts would help");
        JsonNode json = data(page);
        assertThat(numbers(json, "tokens")).hasSize(8).allMatch(tokens -> tokens >= 0);
        assertThat(numbers(json, "loss_after")).hasSize(34); // routers are looked at, too
        assertThat(json.path("rows")
                        .valueStream()
                        .map(row -> row.path("labels").path("linear").asString("")))
                .contains("experts.0.w1", "experts.3.w2", "q_proj");
        assertThat(json.path("remarks").valueStream().map(JsonNode::asString))
                .anyMatch(remark -> remark.contains("Rounded plainly: experts of block 0: "));

        var routed = Program.run(with(command, "--out", folder.resolve("all"), "--route-all-experts"));
        assertThat(routed.code()).as(routed.toString()).isZero();
        assertThat(routed.out()).containsPattern("experts  8 saw \\d+ calibration tokens\\R");
        assertThat(data(page).path("remarks").valueStream().map(JsonNode::asString))
                .noneMatch(remark -> remark.contains("Rounded plainly"));
    }

    private static Object[] with(List<Object> command, Object... more) {
        return Stream.concat(command.stream(), Arrays.stream(more)).toArray();
    }

    private static JsonNode data(Path page) throws IOException {
        String text = Files.readString(page);
        int from = text.indexOf('>', text.indexOf("<script id=\"data\"")) + 1;
        return JsonMapper.builder().build().readTree(text.substring(from, text.indexOf("</script>", from)));
    }

    private static List<Double> numbers(JsonNode json, String key) {
        return json.path("rows")
                .valueStream()
                .map(row -> row.path("numbers").path(key).path(0))
                .filter(JsonNode::isNumber)
                .map(JsonNode::asDouble)
                .toList();
    }

    @Test
    void quantizesWithTheBuiltinTextAndPacksAgainFromTheRecipe() throws IOException {
        Path model = model(2);
        Path out = folder.resolve("out");
        Path recipe = folder.resolve("a.recipe");
        Path json = folder.resolve("a.json");
        var first = Program.run(
                "quantize",
                model,
                "--out",
                out,
                "--group-size",
                32,
                "--samples",
                2,
                "--sequence-length",
                128,
                "--search-tokens",
                64,
                "--recipe-out",
                recipe,
                "--threads",
                2,
                "--json",
                json);
        assertThat(first.code()).as(first.toString()).isZero();
        assertThat(first.out())
                .contains("wrote    " + out + " (awq, 4 bits, groups of 32)")
                .contains("linears  14 of 14 quantized")
                .contains("% less than by plain rounding")
                .contains("try      awq4j ");
        assertThat(first.err()).contains("needs about ", "first block: ", "left");
        var report = Config.read(json).section("report").orElseThrow();
        assertThat(report.section("calibration").orElseThrow().text("source")).isEqualTo("builtin");
        assertThat(report.text("program")).startsWith("awq4j ");

        Path again = folder.resolve("again");
        var second = Program.run("quantize", model, "--out", again, "--recipe", recipe);
        assertThat(second.code()).as(second.toString()).isZero();
        assertThat(again.resolve("model.safetensors")).hasSameBinaryContentAs(out.resolve("model.safetensors"));

        var other = Program.run("quantize", model, "--out", folder.resolve("x"), "--recipe", recipe, "--bits", 3);
        assertThat(other.code()).isEqualTo(1);
        assertThat(other.err()).contains("awq4j: the recipe was found for 4 bits, group size 32");

        var twice = Program.run("quantize", out, "--out", folder.resolve("x"));
        assertThat(twice.code()).isEqualTo(1);
        assertThat(twice.err())
                .isEqualTo(
                        "awq4j: " + out + " is quantized already; quantizing starts from a model in float16, bfloat16"
                                + " or float32\n");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    --bits 9 | --bits must be in [2, 8], was 9
                    --bits many | expected a number from 2 to 8, or auto, was 'many'
                    --bits auto | --bits auto and --budget BITS go together
                    --budget 3 | --bits auto and --budget BITS go together
                    --bits auto --budget 1 | --budget should be from 2 to 8, was 1.0
                    --bits auto --budget 3 --method gptq | --bits auto goes with awq and rtn
                    --bits auto --budget 3 --recipe-out r | --bits auto goes without --recipe and --recipe-out
                    --group-size 0 | --group-size must be positive, or -1 for whole rows, was 0
                    --range zero | expected reference, include-zero or least-error, was 'zero'
                    --range least-error | too slow for a search of scales
                    --true-sequential | --method awq corrects nothing
                    --samples 0 | --samples must be positive, was 0
                    --method rtn --samples 3 | --method rtn looks at no text
                    --method rtn --recipe-out r | --method rtn searches nothing
                    --recipe r --recipe-out s | give one of them
                    --recipe r --scaling duo | --recipe has been found already
                    --method rtn --route-all-experts | --method rtn searches nothing
                    --expert-tokens 0 | --expert-tokens must be positive, was 0
                    --recipe r --calibration t | --recipe looks at no text
                    --method obq | expected awq, gptq, awq+gptq, smoothquant or rtn, was 'obq'
                    --method gptq --damping 2 | --damping must be in [0, 1], was 2.0
                    --method gptq --scaling duo | --method gptq searches nothing
                    --method awq+gptq --recipe-out r | --method awq+gptq: its codes do not follow from a recipe
                    --act-order | --method awq corrects nothing
                    --alpha 0.3 | --method awq smooths nothing
                    --method smoothquant --alpha 2 | --alpha must be in [0, 1], was 2.0
                    --method smoothquant --scaling duo | --method smoothquant searches nothing
                    --method smoothquant --expert-tokens 5 | --method smoothquant searches nothing
                    --recipe r --alpha 0.5 | --recipe has been found already
                    --method rtn --expert-tokens 5 | --method rtn searches nothing
                    --recipe r --damping 0.1 | --recipe has been found already
                    --low-rank 0 | --low-rank should be 1 or more, was 0
                    --low-rank 8 --recipe-out r | --low-rank goes without --recipe and --recipe-out
                    --low-rank 8 --method smoothquant | not with smoothquant
                    --low-rank 8 --sparsity 0.5 | --low-rank and --sparsity: give one of them
                    --sparsity half | expected a share between 0 and 1, as 0.5, or a pattern, as 2:4, was 'half'
                    --sparsity 1 | expected a share between 0 and 1, as 0.5, or a pattern, as 2:4, was '1'
                    --sparsity 4:4 | expected fewer zeros than columns in a pattern, as in 2:4, was '4:4'
                    --prune wanda | --prune wanda: how much? --sparsity 0.5, or 2:4
                    --sparsity 0.5 --prune most | expected wanda or sparsegpt, was 'most'
                    --bits 16 | --bits 16 rounds nothing: it goes with --sparsity
                    --bits 16 --sparsity 0.5 --method awq | --bits 16 rounds nothing: --method, and what goes with
                    --sparsity 0.5 --bits auto --budget 3 | it goes without --sparsity
                    --sparsity 0.5 --method gptq --prune wanda | the corrections of --method gptq fill zeros
                    --sparsity 0.5 --method gptq --act-order | --true-sequential go without --sparsity
                    --sparsity 0.5 --method awq+gptq | --sparsity goes with awq, rtn and gptq, not with awq+gptq
                    --sparsity 0.5 --range reference | --sparsity wants zero to be a code of every group
                    --sparsity 0.5 --recipe r | --sparsity goes without --recipe and --recipe-out
                    --threads -1 | --threads must be in [0, 1024], was -1
                    """)
    void whatMakesNoSenseIsWrongUsage(String options, String complaint) {
        Path model = folder.resolve("model"); // is not even looked at
        var arguments = new java.util.ArrayList<Object>(List.of("quantize", model, "--out", folder.resolve("out")));
        arguments.addAll(List.of(options.split(" ")));
        var program = Program.run(arguments.toArray());
        assertThat(program.err()).contains(complaint);
        assertThat(program.code()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({
        "gptq, --damping 0.02",
        "gptq, --act-order --true-sequential",
        "gptq, --range least-error",
        "awq+gptq, --no-clip"
    })
    void gptqWritesTheSameKindOfFolder(String method, String option) throws IOException {
        Path model = model(2);
        Path out = folder.resolve("out");
        var arguments = new java.util.ArrayList<Object>(List.of("quantize", model, "--out", out, "--method", method));
        arguments.addAll(List.of(option.split(" ")));
        arguments.addAll(List.of("--group-size", 32, "--samples", 2, "--sequence-length", 128, "--threads", 2));
        var program = Program.run(arguments.toArray());
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out())
                .contains("wrote    " + out + " (" + method + ", 4 bits, groups of 32)")
                .contains("linears  14 of 14 quantized")
                .contains("% less than by plain rounding");
        assertThat(program.out()).doesNotContain("error    -");
        var report = Config.read(out.resolve("quantization_report.json"));
        assertThat(report.text("method")).isEqualTo(method);
        var run = Program.run("run", out, "--prompt", "a", "--max-tokens", 2, "--temperature", 0);
        assertThat(run.code()).as(run.toString()).isZero();
    }

    @Test
    void lowRankRunsAndSaysWhoReadsIt() throws IOException {
        Path out = folder.resolve("out");
        var program = Program.run(
                "quantize",
                model(2),
                "--out",
                out,
                "--method",
                "rtn",
                "--bits",
                3,
                "--group-size",
                32,
                "--low-rank",
                4,
                "--samples",
                2,
                "--sequence-length",
                128);
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out())
                .contains("wrote    " + out + " (rtn+rank4, 3 bits, groups of 32)")
                .contains("% less than by plain rounding")
                .contains("readers  awq4j only: vLLM and transformers have no place for matrices of low rank");
        var seen = Program.run("inspect", out);
        assertThat(seen.out()).contains("low rank      beside 14 linears, up to rank 4: ");
        assertThat(seen.out()).doesNotContain("not used by the model");
        var run = Program.run("run", out, "--prompt", "a", "--max-tokens", 2, "--temperature", 0);
        assertThat(run.code()).as(run.toString()).isZero();
        var refused = Program.run("convert", out, folder.resolve("gptq"), "--to", "gptq");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).contains("14 matrices: low-rank matrices beside codes, left out (weights change by");
        var packed = Program.run("convert", out, "--to", "packed");
        assertThat(packed.code()).as(packed.toString()).isZero();
        var again = Program.run("run", out, "--prompt", "a", "--max-tokens", 2, "--temperature", 0);
        assertThat(again.out()).isEqualTo(run.out());
    }

    @ParameterizedTest
    @CsvSource({
        "--method rtn, 'wanda+rtn, 50.0 % zeros, 4 bits, groups of 32'",
        "--method gptq, 'sparsegpt+gptq, 50.0 % zeros, 4 bits, groups of 32'",
        "--bits 16 --prune sparsegpt, 'sparsegpt, 50.0 % zeros, float16'"
    })
    void sparseFoldersAreReadLikeOthers(String options, String made) throws IOException {
        Path out = folder.resolve("out");
        var arguments = new java.util.ArrayList<Object>(
                List.of("quantize", model(2), "--out", out, "--sparsity", 0.5, "--group-size", 32));
        arguments.addAll(List.of(options.split(" ")));
        arguments.addAll(List.of("--samples", 2, "--sequence-length", 128));
        var program = Program.run(arguments.toArray());
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out())
                .contains("wrote    " + out + " (" + made + ")")
                .doesNotContain("readers");
        var run = Program.run("run", out, "--prompt", "a", "--max-tokens", 2, "--temperature", 0);
        assertThat(run.code()).as(run.toString()).isZero();
    }

    @Test
    void outIsRequired() {
        var program = Program.run("quantize", folder);
        assertThat(program.code()).isEqualTo(2);
        assertThat(program.err()).contains("--out");
    }

    @Test
    void whatIsNoModelFails() throws IOException {
        var program = Program.run("quantize", folder, "--out", folder.resolve("out"));
        assertThat(program.code()).isEqualTo(1);
        assertThat(program.err()).contains("is not a model folder: it has no config.json");
    }

    @Test
    void tooLittleTextIsCounted() throws IOException {
        Path model = model(1);
        Path text = Files.writeString(folder.resolve("short.txt"), "Once upon a time.");
        var program = Program.run("quantize", model, "--out", folder.resolve("out"), "--calibration", text);
        assertThat(program.code()).isEqualTo(1);
        assertThat(program.err())
                .startsWith("awq4j: calibration text " + text + " is too little: one sequence takes 256 tokens, found ")
                .endsWith(" in 1 of 1 texts; give more text or a shorter sequence length\n");
    }

    @Test
    @Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void interruptedItSaysWhatIsKeptAndGoesOn() throws Exception {
        Assumptions.assumeTrue(Files.exists(Path.of("/bin/kill")), "there is no kill to send Ctrl-C with");
        Path model = model(100); // seconds of work behind the first block, for the signal to arrive in
        Path out = folder.resolve("out");
        var options = List.of("--method", "rtn", "--group-size", "32");
        var command = new java.util.ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "awq4j.cli.Main",
                "quantize",
                model.toString(),
                "--out",
                out.toString()));
        command.addAll(options);
        Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
        Path first = folder.resolve(".out.partial/block-00000.safetensors");
        while (!Files.exists(first) && child.isAlive()) {
            child.waitFor(5, TimeUnit.MILLISECONDS);
        }
        new ProcessBuilder("/bin/kill", "-INT", Long.toString(child.pid()))
                .start()
                .waitFor();
        String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).as(said).isEqualTo(130);
        assertThat(said).containsPattern("\\d+ of 100 blocks are kept; the same command continues behind them");
        assertThat(out).doesNotExist();

        var arguments = new java.util.ArrayList<Object>(List.of("quantize", model, "--out", out));
        arguments.addAll(options);
        var resumed = Program.run(arguments.toArray());
        assertThat(resumed.err()).contains("continuing an interrupted run: ");
        assertThat(resumed.code()).isZero();
    }

    private Path model(int layers) {
        var sizes = new Sizes(64, 128, layers, 4, 4, 4096, true);
        Path model = RandomModels.llama(folder.resolve("model"), sizes, DType.F16, 31);
        RandomModels.addTokenizer(model);
        return model;
    }
}
