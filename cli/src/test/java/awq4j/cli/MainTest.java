package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Test
    void versionNamesTheProgramAndItsJava() {
        assertThat(run("--version")).isZero();
        assertThat(out.toString()).startsWith("awq4j ").doesNotContain("${").contains("Java " + Runtime.version());
    }

    @Test
    void helpListsTheExitCodes() {
        assertThat(run("--help")).isZero();
        assertThat(out.toString()).contains("Usage: awq4j", "130", "interrupted");
    }

    @Test
    void noCommandIsWrongUsage() {
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString()).startsWith("a command is missing");
    }

    @Test
    void unknownOptionIsWrongUsage() {
        assertThat(run("--nonsense")).isEqualTo(2);
        assertThat(err.toString()).contains("--nonsense");
    }

    @Test
    void failureIsOneLine() {
        assertThat(failing(new IllegalStateException("the disk is full"), "fail"))
                .isEqualTo(1);
        assertThat(err.toString().lines()).containsExactly("awq4j: the disk is full");
    }

    @Test
    void traceShowsWhereItFailed() {
        assertThat(failing(new IllegalStateException("the disk is full"), "--trace", "fail"))
                .isEqualTo(1);
        assertThat(err.toString()).contains("the disk is full", "\tat awq4j.cli.MainTest");
    }

    @Test
    void interruptionHasItsOwnCode() {
        assertThat(failing(new InterruptedException(), "fail")).isEqualTo(130);
    }

    private int run(String... arguments) {
        return run(Main.commandLine(), arguments);
    }

    private int failing(Exception failure, String... arguments) {
        return run(Main.commandLine().addSubcommand(new Failing(failure)), arguments);
    }

    private int run(CommandLine line, String... arguments) {
        return line.setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
    }

    @Command(name = "fail")
    private record Failing(Exception failure) implements Callable<Integer> {
        @Override
        public Integer call() throws Exception {
            throw failure;
        }
    }
}
