package awq4j.quant.checkpoint;

import awq4j.kernel.CpuOptions;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.testing.RandomModels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** A quantization in a process of its own, which may be killed or given little memory. */
final class ChildQuantizer {
    /** Calibration tokens of the large job. */
    static final int TOKENS = 32;

    private ChildQuantizer() {}

    /**
     * Starts one.
     *
     * @param heap as for -Xmx
     * @param job {@code slow}: AWQ of a tiny model that waits behind its first block; {@code rtn} or {@code awq}: a model
     *     larger than the heap
     */
    static Process start(String heap, String job, Path model, Path out) throws IOException {
        return new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx" + heap,
                        "-XX:+UseSerialGC",
                        "--add-modules",
                        "jdk.incubator.vector",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ChildQuantizer.class.getName(),
                        job,
                        model.toString(),
                        out.toString()))
                .redirectErrorStream(true)
                .start();
    }

    /** What it has said, once it has ended; empty while it runs. */
    static String output(Process child) throws IOException {
        return child.isAlive() ? "" : new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    /** The child's own work. */
    public static void main(String[] arguments) {
        String job = arguments[0];
        Path model = Path.of(arguments[1]);
        Path out = Path.of(arguments[2]);
        if (job.equals("slow")) {
            var settings = ResumeTest.settings(model, out, ResumeTest.childMethod());
            CheckpointQuantizer.run(settings.watched(ChildQuantizer::waitBehindTheFirst, () -> false));
            return;
        }
        var method = job.equals("rtn")
                ? MethodChoice.rtn()
                : MethodChoice.awq(new Awq.Settings(Scaling.PLAIN, true, TOKENS));
        Calibration calibration =
                job.equals("rtn") ? null : Calibration.ofTokens(RandomModels.tokens(2, TOKENS / 2, 512, 4));
        var report = CheckpointQuantizer.run(QuantizeSettings.of(model, out, QuantScheme.INT4_G128, method, calibration)
                .withCpu(CpuOptions.DEFAULT));
        System.out.println("peak " + report.peakHeapBytes());
    }

    /** Gives whoever wants to kill this process all the time there is. */
    private static void waitBehindTheFirst(Progress step) {
        if (step instanceof Progress.BlockStarted started && started.index() == 1) {
            try {
                new java.util.concurrent.CountDownLatch(1).await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
