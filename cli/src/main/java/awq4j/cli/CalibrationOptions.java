package awq4j.cli;

import awq4j.quant.calibration.Calibration;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.tokenizer.Tokenizer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The text that a search looks at. */
final class CalibrationOptions {
    private static final long DEFAULT_SEED = 42;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--calibration",
            paramLabel = "TEXT",
            description =
                    "A file of plain text, a .jsonl file, a folder of such files, or builtin (default), a mixed set"
                            + " that comes with the program.")
    private @Nullable String source;

    @Option(
            names = "--calibration-field",
            paramLabel = "NAME",
            description = "Field of a JSON line that holds the text, default text.")
    private @Nullable String field;

    @Option(
            names = "--samples",
            paramLabel = "N",
            description = "Most texts to use, default 128. Memory and time grow with it.")
    private @Nullable Integer samples;

    @Option(
            names = "--sequence-length",
            paramLabel = "L",
            description = "Tokens of a sequence, default 512 or the model's context.")
    private @Nullable Integer length;

    @Option(names = "--seed", paramLabel = "S", description = "Order of the texts, default 42.")
    private @Nullable Long seed;

    /** Whether anything was said about text. */
    boolean given() {
        return source != null || field != null || samples != null || length != null || seed != null;
    }

    /** @throws ParameterException if a number makes no sense */
    void check() {
        positive("--samples", samples);
        positive("--sequence-length", length);
    }

    private void positive(String name, @Nullable Integer value) {
        if (value != null && value < 1) {
            throw new ParameterException(command.commandLine(), name + " must be positive, was " + value);
        }
    }

    /**
     * Reads and cuts the text.
     *
     * @param model folder with the tokenizer
     * @param contextLength of the model
     */
    Calibration read(Path model, int contextLength) {
        CalibrationTexts texts = source == null || source.equals(CalibrationTexts.BUILTIN)
                ? CalibrationTexts.builtin()
                : CalibrationTexts.read(Path.of(source), field == null ? CalibrationTexts.DEFAULT_FIELD : field);
        return Calibration.of(
                texts,
                Tokenizer.open(model),
                samples == null ? Calibration.DEFAULT_SAMPLES : samples,
                length == null ? Math.min(Calibration.DEFAULT_LENGTH, contextLength) : length,
                seed == null ? DEFAULT_SEED : seed);
    }
}
