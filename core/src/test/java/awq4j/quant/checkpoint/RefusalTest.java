package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What cannot be done is said before anything is done, and leaves nothing behind. */
class RefusalTest {
    private static final QuantScheme SCHEME = new QuantScheme(4, 32, false, Range.REFERENCE);

    @TempDir
    private Path folder;

    @Test
    void aWeightThatIsNoNumberIsNamed() throws IOException {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1, (name, values) -> {
            if (name.equals("model.layers.2.mlp.up_proj.weight")) {
                values[64 * 5 + 17] = Float.NaN;
            }
        });
        assertThatThrownBy(() -> run(model, SCHEME))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("model: model.layers.2.mlp.up_proj.weight (block 2): found NaN at row 5, column 17,"
                        + " expected finite numbers");
        assertNothingBut("model");
    }

    @Test
    void aGainBeyondFloat16IsNamed() throws IOException {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.BF16, 1, (name, values) -> {
            if (name.equals("model.norm.weight")) {
                values[3] = 131072;
            }
        });
        assertThatThrownBy(() -> run(model, SCHEME))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("model.norm.weight: found 131072.0 at 3, more than float16 holds, which is what AWQ"
                        + " checkpoints keep unquantized tensors in");
        assertNothingBut("model");
    }

    @Test
    void groupsThatFitNowhereAreRefused() throws IOException {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1);
        assertThatThrownBy(() -> run(model, new QuantScheme(4, 48, false, Range.REFERENCE)))
                .hasMessage("no linear of " + model + " divides into groups of 48: model.layers.0.self_attn.q_proj has"
                        + " 64 columns; choose a smaller group size");
        assertNothingBut("model");
    }

    @Test
    void aQuantizedModelIsRefused() {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1);
        run(model, SCHEME);
        assertThatThrownBy(() -> CheckpointQuantizer.run(QuantizeSettings.of(
                        folder.resolve("out"), folder.resolve("twice"), SCHEME, MethodChoice.rtn(), null)))
                .hasMessage(
                        folder.resolve("out") + " is quantized already (awq, 4 bits): quantizing starts from a model"
                                + " in float16, bfloat16 or float32");
    }

    @Test
    void theModelIsNeverWrittenTo() {
        Path model = RandomModels.llama(folder.resolve("a/model"), Sizes.SMALL, DType.F16, 1);
        refusedOutput(model, model, " are the same folder: the model is only read; give another folder");
        refusedOutput(model, model.resolve("awq/4bit"), " lie in each other: the model is only read");
        refusedOutput(model, folder.resolve("a"), " lie in each other: the model is only read");
    }

    @Test
    void whatLiesThereIsReplacedOnlyWhenAskedAndOnlyAModel() throws IOException {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1);
        Path out = Files.createDirectories(folder.resolve("out"));
        run(model, SCHEME); // an empty folder is as good as none
        Files.writeString(out.resolve("mark"), "");
        assertThatThrownBy(() -> run(model, SCHEME))
                .hasMessage(
                        "output " + out + " exists and is not empty; give another folder, or --force to replace it");
        CheckpointQuantizer.run(QuantizeSettings.of(model, out, SCHEME, MethodChoice.rtn(), null)
                .replacing(true, false));
        assertThat(out.resolve("mark")).doesNotExist();

        Path other = Files.createDirectories(folder.resolve("letters"));
        Files.writeString(other.resolve("letter.txt"), "dear");
        assertThatThrownBy(() ->
                        CheckpointQuantizer.run(QuantizeSettings.of(model, other, SCHEME, MethodChoice.rtn(), null)
                                .replacing(true, false)))
                .hasMessage("output " + other + " exists and holds no model; only a model is replaced, remove it"
                        + " yourself");
        assertThat(other.resolve("letter.txt")).exists();
    }

    @Test
    void calibrationMustSuitTheModel() {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1);
        var awq = MethodChoice.awq(new Awq.Settings(Scaling.PLAIN, true, 64));
        assertThatThrownBy(() -> CheckpointQuantizer.run(QuantizeSettings.of(
                        model, folder.resolve("out"), SCHEME, awq, Calibration.ofTokens(new int[][] {{1, 96}}))))
                .hasMessage("calibration has token 96, the model's vocabulary ends at 95: is this the model's own"
                        + " tokenizer?");
        assertThatThrownBy(() -> CheckpointQuantizer.run(QuantizeSettings.of(
                        model, folder.resolve("out"), SCHEME, awq, Calibration.ofTokens(new int[][] {new int[257]}))))
                .hasMessage("calibration sequences of 257 tokens are longer than the model's context of 256");
        assertThatThrownBy(() -> QuantizeSettings.of(model, folder.resolve("out"), SCHEME, awq, null))
                .hasMessage("method awq needs calibration text");
    }

    @Test
    void tooMuchForTheHeapIsCounted() {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1);
        var awq = MethodChoice.awq(new Awq.Settings(Scaling.PLAIN, true, 64));
        int[] sequence = new int[256];
        int[][] many = new int[8_000][];
        java.util.Arrays.fill(many, sequence);
        assertThatThrownBy(() -> CheckpointQuantizer.run(
                        QuantizeSettings.of(model, folder.resolve("out"), SCHEME, awq, Calibration.ofTokens(many))))
                .hasMessageMatching("quantizing needs about \\d+ MiB of memory \\(1 for the largest block, \\d+ for"
                        + " 2048000 calibration tokens\\), Java may use \\d+: give it more \\(-Xmx\\), or use at most"
                        + " \\d+ calibration tokens");
    }

    @Test
    void aFullDiskLeavesNothingThatLooksWhole() throws Exception {
        Path model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 1);
        Path small = Files.createDirectories(folder.resolve("small"));
        Assumptions.assumeTrue(
                mount("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small.toString()),
                "a small file system can be mounted by root only");
        try {
            Path out = small.resolve("out");
            Files.write(small.resolve("filler"), new byte[6 << 20]);
            assertThatThrownBy(() ->
                            CheckpointQuantizer.run(QuantizeSettings.of(model, out, SCHEME, MethodChoice.rtn(), null)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageMatching(
                            "not enough disk space for .*: about \\d MiB are needed on the way, \\d are free;"
                                    + " free some, or choose another output folder");

            Files.delete(small.resolve("filler"));
            var filledMeanwhile = QuantizeSettings.of(model, out, SCHEME, MethodChoice.rtn(), null)
                    .watched(
                            step -> {
                                if (step instanceof Progress.BlockStarted started && started.index() == 1) {
                                    fill(small.resolve("filler"));
                                }
                            },
                            () -> false);
            assertThatThrownBy(() -> CheckpointQuantizer.run(filledMeanwhile))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("No space left on device");
            assertThat(out).doesNotExist();

            Files.delete(small.resolve("filler"));
            CheckpointQuantizer.run(QuantizeSettings.of(model, out, SCHEME, MethodChoice.rtn(), null));
            assertThat(out.resolve("config.json")).exists();
        } finally {
            mount("umount", small.toString());
        }
    }

    private static void fill(Path file) {
        try (var out = Files.newOutputStream(file)) {
            byte[] piece = new byte[1 << 12];
            while (true) {
                out.write(piece);
            }
        } catch (IOException e) {
            assertThat(e).hasMessageContaining("No space left");
        }
    }

    private static boolean mount(String... command) throws IOException, InterruptedException {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getInputStream().readAllBytes();
            return process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            return false; // no such command on this system
        }
    }

    private QuantizationReport run(Path model, QuantScheme scheme) {
        return CheckpointQuantizer.run(
                QuantizeSettings.of(model, folder.resolve("out"), scheme, MethodChoice.rtn(), null));
    }

    private void refusedOutput(Path model, Path out, String message) {
        assertThatThrownBy(
                        () -> CheckpointQuantizer.run(QuantizeSettings.of(model, out, SCHEME, MethodChoice.rtn(), null)
                                .replacing(true, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    private void assertNothingBut(String name) throws IOException {
        assertThat(CheckpointQuantizerTest.files(folder)).containsExactly(name);
    }
}
