package awq4j.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** The program run inside the test: a command line goes in, exit code and texts come out. */
final class Program {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final Interruption interruption = new Interruption();
    private int code = -1;

    private Program() {}

    /** Runs a command line with an empty standard input. */
    static Program run(Object... arguments) {
        return runWithInput("", arguments);
    }

    /** Runs a command line with {@code input} on standard input. */
    static Program runWithInput(String input, Object... arguments) {
        var program = new Program();
        String[] words = new String[arguments.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = arguments[i].toString();
        }
        var screen = new Screen(
                new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                new PrintStream(program.out, true, StandardCharsets.UTF_8),
                new PrintStream(program.err, true, StandardCharsets.UTF_8),
                false,
                false);
        program.code = Main.execute(screen, program.interruption, words);
        return program;
    }

    int code() {
        return code;
    }

    String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return "exit code " + code + "\n--- out\n" + out() + "--- err\n" + err();
    }
}
