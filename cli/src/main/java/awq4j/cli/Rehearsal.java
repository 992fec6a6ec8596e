package awq4j.cli;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * What the launcher has a new build run once, so that the start-up cache holds the classes of an ordinary run.
 *
 * <p>Not among them: the Vector API's, which a cache cannot hold unless an option named their module.
 */
final class Rehearsal {
    private Rehearsal() {}

    /**
     * Runs a few commands to nobody's eyes, and ends like the program.
     *
     * @param arguments not looked at
     */
    public static void main(String[] arguments) {
        var nowhere = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        var screen = new Screen(InputStream.nullInputStream(), nowhere, nowhere, false, false);
        for (String command : new String[] {"--help", "--version", "info", "no-such-command"}) {
            int code = Main.execute(screen, new Interruption(), command);
            assert code >= 0;
        }
        Main.main(new String[] {"--version"});
    }
}
