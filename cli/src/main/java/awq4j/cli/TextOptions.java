package awq4j.cli;

import awq4j.eval.TextFile;
import awq4j.eval.Windows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What is measured on: a text, cut into windows. */
final class TextOptions {
    /** The window of published numbers. */
    static final int DEFAULT_WINDOW = 2048;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--text",
            required = true,
            paramLabel = "FILE",
            description = "Text to measure on, UTF-8, used as it is.")
    @SuppressWarnings("NullAway.Init") // required
    private Path text;

    @Option(
            names = "--window",
            paramLabel = "N",
            description = "Tokens read at a time; by default 2048, or the model's context if that is shorter.")
    private @Nullable Integer window;

    @Option(
            names = "--limit-windows",
            paramLabel = "N",
            description = "Measure on the first N windows only, for a quick look.")
    private @Nullable Integer limit;

    /** Refuses numbers that make no sense, before anything is opened. */
    void check() {
        if (window != null && window < 2) {
            throw new ParameterException(command.commandLine(), "--window must be 2 or more, was " + window);
        }
        if (limit != null && limit < 1) {
            throw new ParameterException(command.commandLine(), "--limit-windows must be 1 or more, was " + limit);
        }
    }

    /** The file. */
    Path file() {
        return text;
    }

    /** The text. */
    String read() throws IOException {
        return TextFile.read(text);
    }

    /**
     * The windows of a text.
     *
     * @param context what the models can read at once
     * @throws Refusal if a window was asked for that is longer than that
     */
    Windows windows(int[] tokens, int context, Screen screen) {
        int size = window == null ? Math.min(DEFAULT_WINDOW, context) : window;
        if (size > context) {
            throw new Refusal("--window " + size + " is longer than the model's context of " + context
                    + " tokens; ask for at most that, or leave it out");
        }
        if (window == null && size < DEFAULT_WINDOW) {
            screen.remark("The model's context is " + context + " tokens: windows of that instead of " + DEFAULT_WINDOW
                    + ".");
        }
        Windows windows = Windows.of(tokens, size);
        return limit == null ? windows : windows.limit(limit);
    }

    /** What was measured on and how, for people. */
    List<String> description(Windows windows) {
        int inText = windows.textTokens() / windows.size();
        long leftOver = windows.textTokens() - (long) windows.count() * windows.size();
        String number = windows.count() == inText
                ? count(inText, "window")
                : "first " + windows.count() + " of " + count(inText, "window");
        return List.of(
                "text         " + text.getFileName() + ", " + count(windows.textTokens(), "token"),
                "protocol     " + number + " of " + windows.size() + " tokens, each read by itself",
                "             " + count(windows.predictions(), "prediction") + ", " + count(leftOver, "token")
                        + " not used");
    }

    /** The same for machines. */
    void describe(Windows windows, Map<String, Object> json) {
        json.put("text", text.toString());
        json.put("text_tokens", windows.textTokens());
        json.put("window", windows.size());
        json.put("windows", windows.count());
        json.put("predictions", windows.predictions());
    }

    private static String count(long number, String thing) {
        return Figures.grouped(number) + " " + thing + (number == 1 ? "" : "s");
    }
}
