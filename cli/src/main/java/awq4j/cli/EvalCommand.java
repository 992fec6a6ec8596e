package awq4j.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code awq4j eval}: the measures, each a command of its own. */
@Command(
        name = "eval",
        description = "Measure how good a model is, or how far it is from another.",
        synopsisSubcommandLabel = "MEASURE",
        subcommands = {PerplexityCommand.class, CompareCommand.class},
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j eval perplexity my-model --text wiki.test.raw",
            "  awq4j eval compare my-model my-model-awq --text wiki.test.raw"
        })
final class EvalCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before run()
    private CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    @SuppressWarnings("UnusedVariable") // picocli answers it
    private boolean help;

    /** Without a measure: the help. */
    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }
}
