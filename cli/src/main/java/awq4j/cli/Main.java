package awq4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command {@code awq4j}: wiring and exit codes, nothing else.
 *
 * <p>Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. A failure is one line on standard error;
 * {@code --trace} adds the stack trace.
 */
@Command(
        name = "awq4j",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Quantizes language models to 4 bits with AWQ, and runs them on the CPU.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            DemoCommand.class,
            PullCommand.class,
            QuantizeCommand.class,
            ConvertCommand.class,
            EvalCommand.class,
            StudyCommand.class,
            BenchCommand.class,
            RunCommand.class,
            ChatCommand.class,
            InspectCommand.class,
            FamiliesCommand.class,
            InfoCommand.class,
            CompletionCommand.class
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage", "130:interrupted"},
        footerHeading = "%nStart here:%n",
        footer = {
            "  awq4j demo                       all of it on a small model, in a minute",
            "  awq4j pull ORG/MODEL             a model from the Hugging Face hub",
            "  awq4j quantize MODEL --out DIR   a 4-bit AWQ checkpoint from it",
            "  awq4j chat DIR                   talk to it",
            "  awq4j COMMAND --help             options and examples of a command",
            "",
            "MODEL is a folder, or ORG/MODEL of the hub once it was pulled."
        })
public final class Main implements Runnable {
    static final int FAILED = 1;
    static final int USAGE = 2;
    static final int INTERRUPTED = 130;

    private final Screen screen;
    private final Interruption interruption;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before run()
    private CommandSpec spec;

    @Option(
            names = "--trace",
            scope = CommandLine.ScopeType.INHERIT,
            description = "Show the stack trace of a failure.")
    private boolean trace;

    private Main(Screen screen, Interruption interruption) {
        this.screen = screen;
        this.interruption = interruption;
    }

    /**
     * Runs the program and ends the process with its exit code.
     *
     * @param arguments the command line, without the program's name
     */
    public static void main(String[] arguments) {
        // The tokenizer library logs by SLF4J, which would complain at every start that nobody listens.
        System.getProperties().putIfAbsent("slf4j.internal.verbosity", "ERROR");
        var interruption = new Interruption();
        interruption.install();
        int code = execute(Screen.system(), interruption, arguments);
        interruption.finish();
        System.exit(code);
    }

    /** Runs one command line; nothing is thrown, whatever happens. */
    static int execute(Screen screen, Interruption interruption, String... arguments) {
        var main = new Main(screen, interruption);
        try {
            return commandLine(main).execute(arguments);
        } catch (Throwable error) { // picocli hands Errors through; the user gets one line for them, too
            return main.report(error);
        } finally {
            screen.out().flush();
            screen.err().flush();
        }
    }

    /** The wired command line over the process's own streams, as shell completion wants it. */
    static CommandLine commandLine() {
        return commandLine(new Main(Screen.system(), new Interruption()));
    }

    private static CommandLine commandLine(Main main) {
        var style = main.screen.outTerminal() && main.screen.outStyle().on()
                ? CommandLine.Help.Ansi.ON
                : CommandLine.Help.Ansi.OFF;
        return new CommandLine(main)
                .setOut(main.screen.outWriter())
                .setErr(main.screen.errWriter())
                .setColorScheme(CommandLine.Help.defaultColorScheme(style))
                .setUsageHelpWidth(Screen.WIDTH)
                .setUsageHelpAutoWidth(false)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionStrategy(Main::run)
                .setParameterExceptionHandler(main::explain)
                .setExecutionExceptionHandler((failure, line, parsed) -> main.report(failure));
    }

    private static int run(CommandLine.ParseResult parsed) {
        Integer helped = CommandLine.executeHelpRequest(parsed);
        if (helped != null) {
            return helped;
        }
        VectorModule.bringIn();
        return new CommandLine.RunLast().execute(parsed);
    }

    /** Without a command: the help. */
    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    Screen screen() {
        return screen;
    }

    Interruption interruption() {
        return interruption;
    }

    private int report(Throwable thrown) {
        Failure failure = Failure.of(thrown);
        screen.out().flush();
        screen.remark(screen.errStyle().red("awq4j:") + " " + failure.sentence());
        if (trace) {
            thrown.printStackTrace(screen.err());
        }
        return failure.code();
    }

    /** Wrong usage: what is wrong, what was perhaps meant, where the help is. */
    private int explain(ParameterException wrong, String[] arguments) {
        CommandLine line = wrong.getCommandLine();
        PrintWriter err = line.getErr();
        err.println(screen.errStyle().red("awq4j:") + " " + complaint(wrong) + suggestion(wrong));
        err.println("Try '" + line.getCommandSpec().qualifiedName() + " --help'.");
        err.flush();
        if (trace) {
            wrong.printStackTrace(screen.err());
        }
        return USAGE;
    }

    private static String complaint(ParameterException wrong) {
        if (wrong instanceof UnmatchedArgumentException unmatched
                && !unmatched.isUnknownOption()
                && !unmatched.getCommandLine().getSubcommands().isEmpty()) {
            return "unknown command '" + unmatched.getUnmatched().getFirst() + "'";
        }
        return uncapitalized(String.valueOf(wrong.getMessage()).replaceAll("\\s*\\R\\s*", " "));
    }

    private static String suggestion(ParameterException wrong) {
        if (wrong instanceof UnmatchedArgumentException unmatched) {
            var suggestions = unmatched.getSuggestions();
            return suggestions.isEmpty() ? "" : "; did you mean " + suggestions.getFirst() + "?";
        }
        return "";
    }

    private static String uncapitalized(String message) {
        boolean word = message.length() > 1 && Character.isLowerCase(message.charAt(1));
        return word ? message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1) : message;
    }

    /** The program that a command belongs to. */
    static Main of(CommandSpec command) {
        if (command.root().userObject() instanceof Main main) {
            return main;
        }
        throw new IllegalStateException(command.qualifiedName() + " runs outside of awq4j");
    }
}
