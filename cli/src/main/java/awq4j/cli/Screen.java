package awq4j.cli;

import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where a command reads and writes. Results go to {@code out}, everything about them (progress, statistics, warnings)
 * to {@code err}, so that a pipe carries results only.
 *
 * @param in bytes of standard input
 * @param outTerminal whether someone watches {@code out}
 * @param errTerminal whether someone watches {@code err}: a progress bar may overwrite its line
 */
record Screen(InputStream in, PrintStream out, PrintStream err, boolean outTerminal, boolean errTerminal) {
    /** Columns that output is made for. */
    static final int WIDTH = 80;

    /** The process's own streams, in UTF-8. */
    static Screen system() {
        // Own streams over the descriptors: System.out encodes by locale, and "C" has no letters beyond ASCII.
        var out = new PrintStream(
                new java.io.FileOutputStream(java.io.FileDescriptor.out), false, StandardCharsets.UTF_8);
        var err =
                new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.err), true, StandardCharsets.UTF_8);
        return new Screen(System.in, out, err, isTerminal(1), isTerminal(2));
    }

    /** The style for results. */
    Style outStyle() {
        return Style.of(outTerminal, System.getenv());
    }

    /** The style for remarks. */
    Style errStyle() {
        return Style.of(errTerminal, System.getenv());
    }

    /** One line of result. */
    void say(String line) {
        out.println(line);
        out.flush();
    }

    /** One line about the work, on the error stream. */
    void remark(String line) {
        err.println(line);
        err.flush();
    }

    /** A writer over {@code out} for picocli. */
    PrintWriter outWriter() {
        return new PrintWriter(out, true, StandardCharsets.UTF_8);
    }

    /** A writer over {@code err} for picocli. */
    PrintWriter errWriter() {
        return new PrintWriter(err, true, StandardCharsets.UTF_8);
    }

    /** Whether standard input comes from a keyboard. */
    static boolean keyboard() {
        return isTerminal(0);
    }

    @SuppressWarnings("SystemConsoleNull") // java.base's own console, the default since 25, may be null
    private static boolean isTerminal(int descriptor) {
        Path link = Path.of("/proc/self/fd/" + descriptor);
        if (Files.isSymbolicLink(link)) {
            try {
                String target = Files.readSymbolicLink(link).toString();
                return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
            } catch (IOException e) {
                return false; // we may not look: then plain text is the safe answer
            }
        }
        Console console = System.console(); // elsewhere: one answer for input and output together
        return console != null && console.isTerminal();
    }
}
