package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An interrupted run, however it ended, goes on where it was and makes the same files. */
class ResumeTest {
    private static final QuantScheme SCHEME = new QuantScheme(4, 32, false, Range.REFERENCE);
    private static final MethodChoice AWQ = MethodChoice.awq(new Awq.Settings(Scaling.PLAIN, true, 64));

    @TempDir
    private Path folder;

    private Path model;
    private Path whole;

    @BeforeEach
    void aModel() {
        model = RandomModels.llama(folder.resolve("model"), Sizes.SMALL, DType.F16, 11);
        whole = folder.resolve("whole");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void stoppedBehindEachBlockItMakesTheSameFiles(boolean awq) throws IOException {
        MethodChoice method = awq ? AWQ : MethodChoice.rtn();
        CheckpointQuantizer.run(settings(whole, method));
        for (int stopAfter = 0; stopAfter < 3; stopAfter++) {
            Path out = folder.resolve("out" + stopAfter);
            var done = new AtomicInteger();
            int limit = stopAfter;
            var settings = settings(out, method)
                    .watched(
                            step -> {
                                if (step instanceof Progress.BlockFinished) {
                                    done.incrementAndGet();
                                }
                            },
                            () -> done.get() >= limit);
            assertThatThrownBy(() -> CheckpointQuantizer.run(settings)).isInstanceOf(CancellationException.class);
            assertThat(out).doesNotExist();

            var resumed = new ArrayList<Integer>();
            CheckpointQuantizer.run(settings(out, method)
                    .watched(
                            step -> {
                                if (step instanceof Progress.BlockStarted started) {
                                    resumed.add(started.index());
                                }
                            },
                            () -> false));
            assertThat(resumed.getFirst()).isEqualTo(stopAfter);
            sameFiles(out, whole);
            assertThat(WorkFolder.of(out)).doesNotExist();
        }
    }

    @Test
    @Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void killedItGoesOn() throws Exception {
        CheckpointQuantizer.run(settings(whole, AWQ));
        Path out = folder.resolve("out");
        Process child = ChildQuantizer.start("96m", "slow", model, out);
        Path first = WorkFolder.of(out).resolve("block-00000.safetensors");
        while (!Files.exists(first) && child.isAlive()) {
            child.waitFor(5, TimeUnit.MILLISECONDS);
        }
        assertThat(child.isAlive()).as(ChildQuantizer.output(child)).isTrue();
        child.destroyForcibly().waitFor(); // SIGKILL: nothing of ours runs any more
        assertThat(child.exitValue()).isEqualTo(128 + 9);
        assertThat(out).doesNotExist();

        var resumed = new ArrayList<Integer>();
        CheckpointQuantizer.run(settings(out, AWQ)
                .watched(
                        step -> {
                            if (step instanceof Progress.BlockStarted started) {
                                resumed.add(started.index());
                            }
                        },
                        () -> false));
        assertThat(resumed).doesNotContain(0);
        sameFiles(out, whole);
    }

    @Test
    void anotherRunIsNotMixedIn() throws IOException {
        Path out = folder.resolve("out");
        stopAfterOneBlock(out);
        var other = QuantizeSettings.of(
                model, out, new QuantScheme(3, 32, true, Range.REFERENCE), MethodChoice.rtn(), null);
        assertThatThrownBy(() -> CheckpointQuantizer.run(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("holds an unfinished run with other settings (bits was 4, is 3;")
                .hasMessageContaining("method was awq, is rtn")
                .hasMessageEndingWith("run it again with those, or start over with --restart");
        CheckpointQuantizer.run(other.replacing(false, true));
        assertThat(out).isDirectory();
        assertThat(WorkFolder.of(out)).doesNotExist();
    }

    @Test
    void twoAtOnceAreRefused() {
        Path out = folder.resolve("out");
        var settings = settings(out, AWQ)
                .watched(
                        step -> {
                            if (step instanceof Progress.BlockStarted) {
                                assertThatThrownBy(() -> CheckpointQuantizer.run(settings(out, AWQ)))
                                        .hasMessage("another process is making " + out + " right now");
                            }
                        },
                        () -> false);
        CheckpointQuantizer.run(settings);
    }

    private void stopAfterOneBlock(Path out) {
        var done = new AtomicInteger();
        var settings = settings(out, AWQ)
                .watched(
                        step -> {
                            if (step instanceof Progress.BlockFinished) {
                                done.incrementAndGet();
                            }
                        },
                        () -> done.get() > 0);
        assertThatThrownBy(() -> CheckpointQuantizer.run(settings)).isInstanceOf(CancellationException.class);
    }

    private QuantizeSettings settings(Path out, MethodChoice method) {
        return settings(model, out, method);
    }

    static QuantizeSettings settings(Path model, Path out, MethodChoice method) {
        int[][] tokens = RandomModels.tokens(4, 32, Sizes.SMALL.vocabulary(), 3);
        Calibration calibration = method.calibrated() ? Calibration.ofTokens(tokens) : null;
        return QuantizeSettings.of(model, out, SCHEME, method, calibration)
                .withCpu(new CpuOptions(Arithmetic.SCALAR, 0));
    }

    /** What a child process does. */
    static MethodChoice childMethod() {
        return AWQ;
    }

    static void sameFiles(Path a, Path b) throws IOException {
        List<String> names = CheckpointQuantizerTest.files(a);
        assertThat(names).isEqualTo(CheckpointQuantizerTest.files(b));
        for (String name : names) {
            if (!name.equals(QuantizationReport.FILE)) { // it has times in it
                assertThat(a.resolve(name)).as(name).hasSameBinaryContentAs(b.resolve(name));
            }
        }
    }
}
