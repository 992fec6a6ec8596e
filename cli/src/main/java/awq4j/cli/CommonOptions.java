package awq4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command has: {@code --help}, {@code --json}, and where it reads and writes. */
final class CommonOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    @SuppressWarnings("UnusedVariable") // picocli answers it
    private boolean help;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the result to FILE, as JSON.")
    private @Nullable Path json;

    /** The streams of the program. */
    Screen screen() {
        return Main.of(command).screen();
    }

    /** The user's wish to stop. */
    Interruption interruption() {
        return Main.of(command).interruption();
    }

    /** Whether a file for machines is wanted. */
    boolean wantsJson() {
        return json != null;
    }

    /** The file for machines, null if none is wanted. */
    @Nullable
    Path json() {
        return json;
    }

    /** Refuses a file for machines that could not be written; for the start of long work. */
    void checkJson() throws IOException {
        if (json != null) {
            JsonFile.requireFolder(json);
        }
    }

    /** Writes the result for machines, if that was asked for. */
    void writeJson(Object result) throws IOException {
        if (json != null) {
            JsonFile.write(json, result);
        }
    }

    /** The program's name and arguments as they were typed, for a page that says how it was made. */
    String commandLine() {
        List<String> words = command.root().commandLine().getParseResult().originalArgs();
        return "awq4j "
                + words.stream()
                        .map(word -> word.matches("[\\w./:,=+-]+") ? word : "'" + word.replace("'", "'\\''") + "'")
                        .collect(Collectors.joining(" "));
    }

    /** Wrong usage that picocli cannot see by itself. */
    picocli.CommandLine.ParameterException wrongUsage(String message) {
        return new picocli.CommandLine.ParameterException(command.commandLine(), message);
    }
}
