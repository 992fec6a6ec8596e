package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class MainTest {
    @Test
    void versionNamesTheProgramItsCommitAndItsJava() {
        var program = Program.run("--version");
        assertThat(program.code()).isZero();
        assertThat(program.out())
                .startsWith("awq4j ")
                .doesNotContain("${")
                .contains("(commit ", "Java " + Runtime.version());
    }

    @Test
    void helpListsCommandsAndExitCodes() {
        var program = Program.run("--help");
        assertThat(program.code()).isZero();
        assertThat(program.out()).contains("Usage: awq4j", "generate-completion", "130", "interrupted");
    }

    @Test
    void noCommandPrintsTheHelp() {
        var program = Program.run();
        assertThat(program.code()).isZero();
        assertThat(program.out()).contains("Usage: awq4j", "awq4j demo");
        assertThat(program.err()).isEmpty();
    }

    @Test
    void unknownCommandIsWrongUsageAndSuggestsOne() {
        var program = Program.run("generat-completion");
        assertThat(program.code()).isEqualTo(2);
        assertThat(program.err().lines())
                .containsExactly(
                        "awq4j: unknown command 'generat-completion'; did you mean generate-completion?",
                        "Try 'awq4j --help'.");
    }

    @Test
    void unknownOptionIsWrongUsage() {
        var program = Program.run("--nonsense");
        assertThat(program.code()).isEqualTo(2);
        assertThat(program.err())
                .startsWith("awq4j: unknown option: '--nonsense'")
                .contains("Try 'awq4j --help'.");
    }

    @Test
    void completionScriptKnowsTheCommands(@TempDir Path folder) {
        var program = Program.run("generate-completion");
        assertThat(program.code()).isZero();
        assertThat(program.out()).contains("complete -F", "generate-completion");
    }

    @Test
    void examplesOfEveryCommandFitTheirLines() {
        examplesFit(Main.commandLine());
    }

    private static void examplesFit(CommandLine command) {
        assertThat(command.getCommandSpec().usageMessage().footer())
                .allSatisfy(line -> assertThat(line.length()).as(line).isLessThan(Screen.WIDTH));
        command.getSubcommands().values().forEach(MainTest::examplesFit);
    }
}
