package awq4j.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code awq4j generate-completion}: a script that teaches bash and zsh the commands and options. */
@Command(
        name = "generate-completion",
        description = "Print a completion script for bash and zsh.",
        footerHeading = "%nExample:%n",
        footer = {"  source <(awq4j generate-completion)   in ~/.bashrc or ~/.zshrc to keep it"})
final class CompletionCommand implements Runnable {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Override
    public void run() {
        common.screen().say(AutoComplete.bash("awq4j", Main.commandLine()));
    }
}
