package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.model.BlockSpec;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.PlacedEmbedding;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockRecipe;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantizedBlock;
import awq4j.quant.calibration.Calibration;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/** Goes through the blocks that are not done yet; nothing of a block stays in memory when the next one comes. */
final class BlockLoop {
    private final QuantizeSettings settings;
    private final Checkpoint source;
    private final ModelSpec model;
    private final WorkFolder work;
    private final RecipeFile.Header header;
    private @Nullable String backend;

    BlockLoop(QuantizeSettings settings, Checkpoint source, ModelSpec model, WorkFolder work, ModelScan scan) {
        this.settings = settings;
        this.source = source;
        this.model = model;
        this.work = work;
        this.header = new RecipeFile.Header(
                scan.sha256(),
                source.config().texts("architectures").getFirst(),
                model.blocks().size(),
                settings.scheme(),
                settings.method().name(),
                settings.method().settings());
    }

    void run() {
        int first = work.finished();
        int count = model.blocks().size();
        if (first >= count) {
            return;
        }
        try (Backend cpu = CpuBackend.open(settings.cpu())) {
            backend = cpu.name();
            var runner = new BlockRunner(cpu, model);
            QuantMethod method = settings.method().method().apply(runner);
            if (settings.recipeOut() != null && !method.recipeSuffices()) {
                throw new IllegalArgumentException("recipe " + settings.recipeOut() + ": the codes of " + method.name()
                        + " do not follow from a recipe; leave it out");
            }
            double[] expected = Pace.of(cpu, model, settings.scheme(), method.calibrated())
                    .seconds(method, model.blocks().subList(first, count), settings.calibration());
            settings.progress()
                    .accept(new Progress.Timed(duration(Arrays.stream(expected).sum()), count - first));
            float @Nullable [] hidden = null;
            if (settings.method().calibrated()) {
                hidden = first == 0
                        ? embed(cpu, model, source, Objects.requireNonNull(settings.calibration()))
                        : work.hiddenOf(first);
            }
            long begin = System.nanoTime();
            for (int i = first; i < count; i++) {
                requireNoStop();
                settings.progress().accept(new Progress.BlockStarted(i, count));
                Done done = block(model.blocks().get(i), method, runner, hidden);
                hidden = done.next;
                double seconds = (System.nanoTime() - begin) / 1e9;
                settings.progress()
                        .accept(new Progress.BlockFinished(
                                i,
                                count,
                                done.seconds,
                                done.quantized,
                                duration(left(seconds, expected, i + 1 - first))));
            }
        }
    }

    private static Duration duration(double seconds) {
        return Duration.ofMillis((long) (1000 * seconds));
    }

    /**
     * Seconds that the rest takes: as many as what is done took, by the arithmetic in each.
     *
     * @param seconds that what is done took
     * @param expected of all
     * @param done how many of them are done
     */
    static double left(double seconds, double[] expected, int done) {
        double before = Arrays.stream(expected, 0, done).sum();
        return seconds * Arrays.stream(expected, done, expected.length).sum() / before;
    }

    /**
     * A block that is on disk.
     *
     * @param next what flows into the next block, null if nobody looks at it
     */
    private record Done(float @Nullable [] next, double seconds, int quantized) {}

    private Done block(BlockSpec spec, QuantMethod method, BlockRunner runner, float @Nullable [] hidden) {
        long start = System.nanoTime();
        BlockWeights weights = BlockWeights.load(spec, Parameters.of(source));
        BlockCapture capture = BlockCapture.NONE;
        float @Nullable [] next = null;
        Calibration calibration = settings.calibration();
        if (hidden != null && calibration != null) {
            int sequences = calibration.sequences().length;
            BlockRunner.Captured captured = method.statisticsSuffice() && !(spec.mlp() instanceof Mlp.Experts)
                    ? runner.count(spec, weights, hidden, sequences, calibration.length())
                    : runner.capture(
                            spec,
                            weights,
                            hidden,
                            sequences,
                            calibration.length(),
                            settings.method().everyExpert());
            capture = captured.capture();
            next = captured.outputs();
        }
        QuantizedBlock quantized = method.quantize(spec, weights, capture, settings.scheme());
        if (next != null && spec.index() + 1 < model.blocks().size()) {
            if (method.seesQuantized()) {
                weights.take(quantized);
                next = runner.outputs(
                        spec,
                        weights,
                        Objects.requireNonNull(hidden),
                        Objects.requireNonNull(calibration).sequences().length,
                        calibration.length());
            }
            work.keepHidden(spec.index() + 1, next, next.length / model.hidden());
        }
        RecipeFile.write(work.recipe(spec.index()), header, List.of(quantized.recipe()));
        double seconds = (System.nanoTime() - start) / 1e9;
        Path draft = work.draft();
        BlockFile.write(draft, spec, quantized, settings.widths().version(), seconds);
        try (BlockFile written = BlockFile.open(draft)) {
            written.verify(spec, quantized, settings.widths());
        }
        work.finish(draft, spec.index());
        return new Done(next, seconds, quantized.linears().size());
    }

    /** What flows into the first block, [tokens, hidden]. */
    static float[] embed(Backend cpu, ModelSpec model, Checkpoint source, Calibration calibration) {
        int width = model.hidden();
        int length = calibration.length();
        float[] out = new float[Math.multiplyExact(calibration.tokens(), width)];
        PlacedEmbedding embedding = PlacedEmbedding.place(cpu, model, source, length);
        int[] positions = new int[length];
        Arrays.setAll(positions, i -> i);
        Buffer h = cpu.allocate(length, width);
        float[] rows = new float[length * width];
        for (int s = 0; s < calibration.sequences().length; s++) {
            embedding.apply(calibration.sequences()[s], positions, h);
            cpu.read(h, rows);
            System.arraycopy(rows, 0, out, s * rows.length, rows.length);
        }
        return out;
    }

    /** @throws CancellationException if the run is to end */
    void requireNoStop() {
        if (settings.stop().getAsBoolean()) {
            throw new CancellationException("interrupted");
        }
    }

    /** What ran blocks, null if all had been done before. */
    @Nullable
    String backend() {
        return backend;
    }

    /** Seconds that all blocks took, in whichever run. */
    double seconds() {
        double sum = 0;
        for (BlockSpec spec : model.blocks()) {
            try (BlockFile file = BlockFile.open(work.block(spec.index()))) {
                sum += file.seconds();
            }
        }
        return sum;
    }

    /** Writes the recipes of all blocks to one file. */
    void writeRecipe(Path file) {
        var recipes = new ArrayList<BlockRecipe>();
        for (BlockSpec spec : model.blocks()) {
            try (RecipeFile part = RecipeFile.open(work.recipe(spec.index()))) {
                recipes.add(part.block(spec));
            }
        }
        RecipeFile.write(file.toAbsolutePath(), header, recipes);
    }
}
