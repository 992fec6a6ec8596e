package awq4j.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The command {@code awq4j}: wiring and exit codes, nothing else.
 *
 * <p>Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. A failure is one line on standard error; {@code --trace} adds
 * the stack trace.
 */
@Command(
        name = "awq4j",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Quantizes language models to 4 bits with AWQ, and runs them on the CPU.",
        synopsisSubcommandLabel = "COMMAND",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage", "130:interrupted"})
public final class Main implements Runnable {
    static final int FAILED = 1;
    static final int INTERRUPTED = 130;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before run()
    private CommandSpec spec;

    @Option(
            names = "--trace",
            scope = CommandLine.ScopeType.INHERIT,
            description = "Show the stack trace of a failure.")
    private boolean trace;

    /**
     * Runs the program and ends the process with its exit code.
     *
     * @param arguments the command line, without the program's name
     */
    public static void main(String[] arguments) {
        int code = commandLine().execute(arguments);
        System.out.flush();
        System.exit(code);
    }

    /**
     * The wired command line, for {@link #main} and for tests.
     *
     * @return a fresh one; its output and error writers may be replaced
     */
    static CommandLine commandLine() {
        var main = new Main();
        return new CommandLine(main)
                .setExecutionExceptionHandler((failure, line, parsed) -> main.report(failure, line));
    }

    /** Without a command there is nothing to do: wrong usage. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    private int report(Exception failure, CommandLine line) {
        PrintWriter err = line.getErr();
        if (failure instanceof InterruptedException) {
            err.println("awq4j: interrupted");
            return INTERRUPTED;
        }
        String message = failure.getMessage();
        err.println("awq4j: " + (message == null ? failure.toString() : message));
        if (trace) {
            failure.printStackTrace(err);
        }
        return FAILED;
    }
}
