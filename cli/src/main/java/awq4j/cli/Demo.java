package awq4j.cli;

import awq4j.LanguageModel;
import awq4j.demo.DemoModel;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.CpuOptions;
import awq4j.model.ParameterCount;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.Progress;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.runtime.Sampling;
import awq4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code awq4j demo} does, step by step, in a folder of its own. */
final class Demo {
    private static final String BEGINNING = "Once upon a time";

    /** The same story each time. */
    private static final long SEED = 7;

    private final Screen screen;
    private final Interruption interruption;
    private final CpuOptions cpu;
    private final Budget budget;
    private final Path folder;

    /**
     * How much work each step is given.
     *
     * @param samples texts for calibration
     * @param length tokens of a calibration sequence
     * @param searchTokens of them that AWQ measures losses on
     * @param windows of held-out text to measure on, each as long as the context
     * @param decodeTokens tokens of a run of the speed measurement
     * @param decodeRuns runs of which the median is taken
     * @param storyTokens of the story
     */
    record Budget(
            int samples, int length, int searchTokens, int windows, int decodeTokens, int decodeRuns, int storyTokens) {
        /** A minute or less on two cores. More calibration brings nothing here: docs/results/demo.md. */
        static final Budget FULL = new Budget(32, 256, 1024, 16, 128, 3, 160);

        /** For tests: everything happens, a little of each. */
        static final Budget QUICK = new Budget(8, 128, 256, 2, 8, 1, 12);
    }

    Demo(Screen screen, Interruption interruption, CpuOptions cpu, Budget budget, Path folder) {
        this.screen = screen;
        this.interruption = interruption;
        this.cpu = cpu;
        this.budget = budget;
        this.folder = folder;
    }

    /** Makes the models in sub-folders, beside the texts, and measures them. */
    DemoMeasurement compare() throws IOException {
        Path original = DemoModel.unpack(folder(DemoVariant.ORIGINAL));
        Files.writeString(folder.resolve("heldout.txt"), DemoModel.heldOut());
        Path text = Files.writeString(folder.resolve("calibration.txt"), DemoModel.calibration());
        introduce(original);
        var steps = new DemoSteps(screen, interruption);
        Calibration calibration = calibration(text, original);
        Map<DemoVariant, Double> seconds = new LinkedHashMap<>();
        for (DemoVariant variant : DemoVariant.QUANTIZED) {
            long start = System.nanoTime();
            steps.run(variant.label(), variant.label() + " quantized", 100, reached -> {
                quantize(original, variant, calibration, reached);
                return variant;
            });
            seconds.put(variant, (System.nanoTime() - start) / 1e9);
        }
        return DemoMeasurement.of(
                steps, cpu, budget, this::folder, variant -> seconds.getOrDefault(variant, Double.NaN));
    }

    private void introduce(Path original) {
        try (Checkpoint checkpoint = Checkpoints.open(original)) {
            long parameters = ParameterCount.of(Families.spec(checkpoint)).total();
            screen.remark("A Llama of " + Figures.count(parameters) + " parameters that has read children's books");
        }
    }

    private Calibration calibration(Path text, Path original) {
        return Calibration.of(
                CalibrationTexts.read(text, CalibrationTexts.DEFAULT_FIELD),
                Tokenizer.open(original),
                budget.samples(),
                budget.length(),
                0);
    }

    /** By the code of {@code awq4j quantize}. */
    private void quantize(Path original, DemoVariant variant, Calibration calibration, DemoSteps.Reached reached) {
        var awq = new Awq.Settings(Awq.Settings.DEFAULT.scaling(), Awq.Settings.DEFAULT.clip(), budget.searchTokens());
        var settings = QuantizeSettings.of(
                        original,
                        folder(variant),
                        variant.scheme(),
                        variant.awq() ? MethodChoice.awq(awq) : MethodChoice.rtn(),
                        variant.awq() ? calibration : null)
                .withCpu(cpu)
                .madeBy("awq4j " + Version.number() + " demo")
                .watched(step -> show(step, reached), interruption::requested);
        CheckpointQuantizer.run(settings);
    }

    private static void show(Progress step, DemoSteps.Reached reached) {
        switch (step) {
            case Progress.Checking checking -> reached.at(0, "checking");
            case Progress.Planned planned -> reached.at(0, "");
            case Progress.Timed timed -> reached.at(0, "");
            case Progress.BlockStarted block -> reached.at(percent(block.index(), block.blocks()), "");
            case Progress.BlockFinished block -> reached.at(percent(block.index() + 1, block.blocks()), "");
            case Progress.Writing writing -> reached.at(95, "writing");
            case Progress.Verifying verifying -> reached.at(98, "reading back");
        }
    }

    /** Of the whole; the last part is for writing. */
    private static long percent(int blocks, int all) {
        return 95L * blocks / all;
    }

    /** Streams a story from the model that AWQ made at 4 bits. */
    void tell() {
        screen.say("");
        screen.say(screen.outStyle().bold("A story by " + DemoVariant.NARRATOR.label()));
        screen.say("");
        var text = new WrappedText(Screen.WIDTH - 2, piece -> {
            screen.out().print(TerminalText.safe(piece));
            screen.out().flush();
        });
        try (var model = LanguageModel.open(folder(DemoVariant.NARRATOR), LanguageModel.Options.DEFAULT.withCpu(cpu))) {
            Sampling sampling = model.recommendedSampling().withSeed(SEED).withMaxTokens(budget.storyTokens());
            text.add(BEGINNING);
            model.generate(BEGINNING, sampling, text::add, interruption::requested);
            text.finish();
        }
        interruption.check();
    }

    private Path folder(DemoVariant variant) {
        return folder.resolve(variant.key());
    }
}
