package awq4j.cli;

import awq4j.demo.DemoModel;
import awq4j.eval.TextFile;
import awq4j.eval.study.StudySettings;
import awq4j.eval.study.StudySettings.Domain;
import awq4j.eval.study.StudySettings.Texts;
import awq4j.quant.calibration.CalibrationTexts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** On which texts a study is made, and how much of them. */
final class StudyOptions {
    /** The model, the calibration text and the held-out text that ship with the program. */
    static final String DEMO = "demo";

    private static final long SEED = 42;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--calibration",
            paramLabel = "TEXT",
            description = "Text that methods look at: a file, a folder, builtin (a mixed set, the default) or demo"
                    + " (children's stories, the default of the model demo).")
    private @Nullable String calibration;

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "64",
            description = "Most calibration texts to use, default ${DEFAULT-VALUE}. Memory and time grow with it.")
    private int samples = 64;

    @Option(
            names = "--sequence-length",
            paramLabel = "L",
            description = "Tokens of a calibration sequence, default 512 or the model's context.")
    private @Nullable Integer length;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "42", description = "Order of the texts, default 42.")
    private long seed = SEED;

    @Option(
            names = "--search-tokens",
            paramLabel = "N",
            defaultValue = "1024",
            description = "Calibration tokens that AWQ measures losses on, default ${DEFAULT-VALUE}.")
    private int searchTokens = 1024;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            description = "Text to measure on, UTF-8, used as it is; default: children's stories that come with the"
                    + " program.")
    private @Nullable Path text;

    @Option(
            names = "--window",
            paramLabel = "N",
            description = "Tokens read at a time, default 2048 or the model's context.")
    private @Nullable Integer window;

    @Option(
            names = "--limit-windows",
            paramLabel = "N",
            defaultValue = "16",
            description = "Measure on the first N windows, default ${DEFAULT-VALUE}.")
    private int windows = 16;

    @Option(
            names = "--group-sizes",
            paramLabel = "N",
            split = ",",
            description = "Group sizes to study, default 128, or 32 and 64 for a model with short rows.")
    private List<Integer> groupSizes = List.of();

    @Option(
            names = "--other-calibration",
            paramLabel = "TEXT",
            description = "domain-shift: calibration text of another kind; default: half of builtin.")
    private @Nullable Path otherCalibration;

    @Option(
            names = "--other-text",
            paramLabel = "FILE",
            description = "domain-shift: text of that kind to measure on; default: the other half.")
    private @Nullable Path otherText;

    /** @throws ParameterException if a number makes no sense */
    void check() {
        positive("--samples", samples);
        positive("--sequence-length", length);
        positive("--search-tokens", searchTokens);
        positive("--limit-windows", windows);
        groupSizes.forEach(size -> positive("--group-sizes", size));
        if ((otherCalibration == null) != (otherText == null)) {
            throw new ParameterException(
                    command.commandLine(), "--other-calibration and --other-text are of one kind: give both or none");
        }
        if (window != null && window < 2) {
            throw new ParameterException(command.commandLine(), "--window must be 2 or more, was " + window);
        }
    }

    private void positive(String name, @Nullable Integer value) {
        if (value != null && value < 1) {
            throw new ParameterException(command.commandLine(), name + " must be positive, was " + value);
        }
    }

    /**
     * Reads the texts.
     *
     * @param demo whether it is the program's own model
     * @param folder for files of the command's own
     */
    StudySettings read(boolean demo, Path folder) throws IOException {
        String source = calibration != null ? calibration : demo ? DEMO : CalibrationTexts.BUILTIN;
        String measured = text == null ? DemoModel.heldOut() : TextFile.read(text);
        return new StudySettings(
                new Texts(texts(source, folder), seed),
                samples,
                length == null ? 0 : length,
                searchTokens,
                measured,
                text == null ? "children's stories that come with the program" : String.valueOf(text.getFileName()),
                window == null ? 0 : window,
                windows,
                groupSizes,
                List.of(first(measured, folder), second()));
    }

    private Domain first(String measured, Path folder) throws IOException {
        String name = text == null ? "children's stories" : String.valueOf(text.getFileName());
        return new Domain(name, new Texts(texts(calibration == null ? DEMO : calibration, folder), seed), measured);
    }

    private Domain second() throws IOException {
        if (otherCalibration != null && otherText != null) {
            return new Domain(
                    String.valueOf(otherText.getFileName()),
                    new Texts(CalibrationTexts.read(otherCalibration, CalibrationTexts.DEFAULT_FIELD), seed),
                    TextFile.read(otherText));
        }
        CalibrationTexts all = CalibrationTexts.builtin();
        var halves = List.of(new ArrayList<CalibrationTexts.Text>(), new ArrayList<CalibrationTexts.Text>());
        for (int i = 0; i < all.texts().size(); i++) {
            halves.get(i % 2).add(all.texts().get(i));
        }
        return new Domain(
                "mixed: prose, code, languages",
                new Texts(
                        new CalibrationTexts("every second text of " + all.source(), all.sha256(), halves.getFirst()),
                        seed),
                halves.getLast().stream().map(CalibrationTexts.Text::text).collect(Collectors.joining("\n\n")));
    }

    private static CalibrationTexts texts(String source, Path folder) throws IOException {
        return switch (source) {
            case CalibrationTexts.BUILTIN -> CalibrationTexts.builtin();
            case DEMO -> {
                Path file = Files.writeString(folder.resolve("calibration.txt"), DemoModel.calibration());
                CalibrationTexts read = CalibrationTexts.read(file, CalibrationTexts.DEFAULT_FIELD);
                yield new CalibrationTexts(DEMO, read.sha256(), read.texts());
            }
            default -> CalibrationTexts.read(Path.of(source), CalibrationTexts.DEFAULT_FIELD);
        };
    }
}
