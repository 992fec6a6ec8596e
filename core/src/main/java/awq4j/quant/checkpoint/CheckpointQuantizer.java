package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.family.Families;
import awq4j.quant.MemoryEstimate;
import awq4j.quant.Sparsity;
import awq4j.quant.calibration.Calibration;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;

/**
 * Quantizes a model folder into another one that vLLM and transformers read as an AWQ checkpoint.
 *
 * <p>It goes block by block: memory holds one block in float32 and what calibration sees of it, not the model. A block
 * that is done lies on disk, in a hidden folder beside the output, and a run that was interrupted, even killed, is
 * continued behind it by the same call, with the same result to the last byte. The output appears when it is whole and
 * has been read back.
 */
public final class CheckpointQuantizer {
    /** What is certainly taken beside the block and its activations. */
    private static final double USABLE_HEAP = 0.95;

    /** Small files, headers, and what a file system needs for itself. */
    private static final long DISK_MARGIN = 4 << 20;

    private final QuantizeSettings settings;

    private CheckpointQuantizer(QuantizeSettings settings) {
        this.settings = settings;
    }

    /**
     * Quantizes.
     *
     * @return what is also written to {@value QuantizationReport#FILE}
     * @throws IllegalArgumentException if the settings make no sense for this model, its result would replace something,
     *     or memory or disk do not suffice; the message says what would
     * @throws UnsupportedModelException if the model is quantized already or of an unknown family
     * @throws awq4j.format.MalformedFileException if a file is damaged or a weight is NaN or infinite
     * @throws java.io.UncheckedIOException if the disk is full or not writable
     * @throws CancellationException if the settings' {@code stop} said so
     */
    public static QuantizationReport run(QuantizeSettings settings) {
        int threads = settings.cpu().threads();
        var quantizer = new CheckpointQuantizer(settings);
        if (threads == 0) {
            return quantizer.run();
        }
        // rounding runs on the pool that its caller belongs to: one of the size that was asked for
        try (var pool = new ForkJoinPool(threads)) {
            return pool.submit((Callable<QuantizationReport>) quantizer::run).get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw new IllegalStateException(e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        }
    }

    private QuantizationReport run() {
        var stages = new Stages();
        try (Checkpoint source = Checkpoints.open(settings.source())) {
            requirePlain(source);
            ModelSpec model = Families.spec(source);
            Sizes sizes = Sizes.of(source, model, settings.widths(), settings.method());
            requireFits(source, model, sizes);
            OutputFolder output = OutputFolder.of(settings.output(), settings.source(), settings.force());
            requireRecipePlace();
            MemoryEstimate memory = memory(model);
            ModelScan scan = ModelScan.of(
                    source,
                    model,
                    (done, total) -> settings.progress().accept(new Progress.Checking(done, total)),
                    settings.stop());
            stages.finished("checking");
            Recipe recipe = settings.method().recipe();
            if (recipe != null) {
                recipe.requireFor(source, model, scan.sha256(), settings.scheme());
            }
            try (WorkFolder work = WorkFolder.enter(output.path(), runOf(scan), settings.restart())) {
                plan(sizes, model, output, work, memory);
                var blocks = new BlockLoop(settings, source, model, work, scan);
                blocks.run();
                stages.put("blocks", blocks.seconds());
                stages.skip();
                return finish(source, model, sizes, output, work, scan, blocks, stages);
            }
        }
    }

    private static void requirePlain(Checkpoint source) {
        source.quantization().ifPresent(found -> {
            throw new UnsupportedModelException(source.path() + " is quantized already (" + found.method() + ", "
                    + found.bits() + " bits): quantizing starts from a model in float16, bfloat16 or float32");
        });
    }

    private void requireFits(Checkpoint source, ModelSpec model, Sizes sizes) {
        requirePattern(model);
        if (settings.method().codes() && sizes.quantizable() == 0) {
            var first = model.blocks().getFirst().linears().getFirst();
            throw new IllegalArgumentException("no linear of " + source.path() + " divides into groups of "
                    + settings.scheme().groupSize() + ": " + first.name() + " has " + first.columns()
                    + " columns; choose a smaller group size");
        }
        if (settings.method().everyExpert()
                && model.blocks().stream().noneMatch(block -> block.mlp() instanceof Mlp.Experts)) {
            throw new IllegalArgumentException(
                    "every expert was to see all calibration tokens, but " + source.path() + " has no experts");
        }
        Calibration calibration = settings.calibration();
        if (calibration == null || !settings.method().calibrated()) {
            return;
        }
        if (calibration.length() > model.contextLength()) {
            throw new IllegalArgumentException("calibration sequences of " + calibration.length()
                    + " tokens are longer than the model's context of " + model.contextLength());
        }
        for (int[] sequence : calibration.sequences()) {
            for (int token : sequence) {
                if (token < 0 || token >= model.vocabulary()) {
                    throw new IllegalArgumentException("calibration has token " + token
                            + ", the model's vocabulary ends at " + (model.vocabulary() - 1)
                            + ": is this the model's own tokenizer?");
                }
            }
        }
    }

    private void requirePattern(ModelSpec model) {
        if (!(settings.method().sparsity() instanceof Sparsity.Pattern pattern)) {
            return;
        }
        for (BlockSpec block : model.blocks()) {
            for (Linear linear : block.linears()) {
                if (!block.steers(linear) && linear.columns() % pattern.run() != 0) {
                    throw new IllegalArgumentException(pattern.label() + " takes rows in runs of " + pattern.run()
                            + " columns, and " + linear.name() + " has " + linear.columns()
                            + ": choose a pattern that divides it, or a share");
                }
            }
        }
    }

    private void requireRecipePlace() {
        Path file = settings.recipeOut();
        if (file == null) {
            return;
        }
        Path folder = file.toAbsolutePath().normalize().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new IllegalArgumentException("cannot write recipe " + file + ": there is no folder " + folder);
        }
        if (Files.isDirectory(file) || (Files.exists(file) && !settings.force())) {
            throw new IllegalArgumentException(
                    "recipe " + file + " exists; give another name, or --force to replace it");
        }
    }

    private MemoryEstimate memory(ModelSpec model) {
        Calibration calibration = settings.calibration();
        long tokens = calibration == null || !settings.method().calibrated() ? 0 : calibration.tokens();
        MemoryEstimate memory =
                MemoryEstimate.of(model, tokens, settings.method().everyExpert());
        memory = settings.method().gram() ? memory.withGram(model) : memory;
        memory = settings.method().counts() ? memory.counting(model, tokens) : memory;
        long heap = Runtime.getRuntime().maxMemory();
        if (memory.block() + memory.activations() > heap * USABLE_HEAP) {
            String wanted = "quantizing needs about " + mebibytes(memory.total()) + " MiB of memory ("
                    + mebibytes(memory.block()) + " for the largest block"
                    + (tokens == 0
                            ? ""
                            : ", " + mebibytes(memory.activations()) + " for " + tokens + " calibration tokens")
                    + "), Java may use " + mebibytes(heap) + ": give it more (-Xmx)";
            long left = heap - memory.block() - memory.rest();
            long fitting = tokens == 0 || left <= 0 ? 0 : left / Math.max(1, memory.activations() / tokens);
            throw new IllegalArgumentException(
                    wanted + (fitting > 0 ? ", or use at most " + fitting + " calibration tokens" : ""));
        }
        return memory;
    }

    /** What tells this run from others: a run with other entries is not continued. */
    private SortedMap<String, String> runOf(ModelScan scan) {
        var run = new TreeMap<String, String>();
        run.put("model", scan.sha256());
        run.put("method", settings.method().name());
        settings.method().settings().forEach((key, value) -> run.put("method " + key, value));
        run.put("bits", Integer.toString(settings.scheme().bits()));
        run.put("group size", Integer.toString(settings.scheme().groupSize()));
        run.put("symmetric", Boolean.toString(settings.scheme().symmetric()));
        run.put("range", settings.scheme().range().name());
        Calibration calibration = settings.calibration();
        if (calibration != null && settings.method().calibrated()) {
            run.put("calibration text", calibration.provenance().source());
            run.put(
                    "calibration tokens",
                    Calibration.ofTokens(calibration.sequences()).provenance().sha256());
            run.put("calibration sequences", Integer.toString(calibration.sequences().length));
            run.put("sequence length", Integer.toString(calibration.length()));
        }
        return run;
    }

    private void plan(Sizes sizes, ModelSpec model, OutputFolder output, WorkFolder work, MemoryEstimate memory) {
        Calibration calibration = settings.calibration();
        long hidden = calibration == null || !settings.method().calibrated()
                ? 0
                : 2L * calibration.tokens() * model.hidden() * Float.BYTES;
        long wanted = Math.max(0, sizes.packed() + sizes.total() + hidden + DISK_MARGIN - work.sizeBytes());
        settings.progress()
                .accept(new Progress.Planned(
                        memory,
                        Runtime.getRuntime().maxMemory(),
                        wanted,
                        sizes.total(),
                        model.blocks().size(),
                        work.finished()));
        long free = output.usableBytes();
        if (wanted > free) {
            throw new IllegalArgumentException("not enough disk space for " + settings.output() + ": about "
                    + mebibytes(wanted) + " MiB are needed on the way, " + mebibytes(free)
                    + " are free; free some, or choose another output folder");
        }
    }

    private QuantizationReport finish(
            Checkpoint source,
            ModelSpec model,
            Sizes sizes,
            OutputFolder output,
            WorkFolder work,
            ModelScan scan,
            BlockLoop blocks,
            Stages stages) {
        Path folder = work.model();
        WorkFolder.delete(folder); // of an attempt that ended here
        QuantizationReport report;
        try (Assembly assembly = Assembly.open(source, model, settings.widths(), work)) {
            blocks.requireNoStop();
            settings.progress().accept(new Progress.Writing(sizes.total()));
            WorkFolder.create(folder);
            assembly.write(folder, settings.maxShardBytes());
            ModelFiles.copy(source.path(), folder);
            ModelFiles.writeConfig(source.config(), folder, settings, assembly.notConverted());
            stages.finished("writing");
            blocks.requireNoStop();
            settings.progress().accept(new Progress.Verifying());
            assembly.verify(folder);
            stages.finished("verifying");
            report = new ReportWriter(settings, source, model, scan, blocks.backend())
                    .report(assembly, stages.seconds());
        }
        WholeFile.writeJson(folder.resolve(QuantizationReport.FILE), report);
        Path recipe = settings.recipeOut();
        if (recipe != null) {
            blocks.writeRecipe(recipe);
        }
        output.publish(folder);
        work.remove();
        return report;
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }
}
