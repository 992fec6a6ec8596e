package awq4j.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

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
        program.execute(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)), program.err, arguments);
        return program;
    }

    /** Runs a command line and sends Ctrl-C when the error stream has said {@code words} and ended that line. */
    static Program interruptedAt(String words, Object... arguments) throws InterruptedException {
        var program = new Program();
        var signal = new Thread(program.interruption::arrive);
        var watched = new OutputStream() {
            @Override
            public void write(int b) {
                program.err.write(b);
                if (b == '\n'
                        && !program.interruption.requested()
                        && program.err().contains(words)) {
                    signal.start();
                    while (!program.interruption.requested()) {
                        Thread.onSpinWait();
                    }
                }
            }
        };
        program.execute(InputStream.nullInputStream(), watched, arguments);
        program.interruption.finish();
        signal.join();
        return program;
    }

    private void execute(InputStream in, OutputStream toErr, Object... arguments) {
        String[] words = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
        var screen = new Screen(
                in,
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(toErr, true, StandardCharsets.UTF_8),
                false,
                false);
        code = Main.execute(screen, interruption, words);
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
