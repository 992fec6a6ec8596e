package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.cli.ChatInput.Event;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jline.terminal.Attributes;
import org.jline.terminal.Attributes.ControlChar;
import org.jline.terminal.Terminal;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.impl.DumbTerminal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is typed, on a terminal that knows nothing but characters. */
class KeyboardInputTest {
    private static final String CTRL_C = "\u0003";
    private static final String CTRL_D = "\u0004";
    private static final String ALT_ENTER = "\u001b\r";

    private final ByteArrayOutputStream shown = new ByteArrayOutputStream();

    @TempDir
    private Path folder;

    @Test
    void aLineIsAMessage() throws IOException {
        assertThat(typed("hello !there \\ \"x\r"))
                .containsExactly(new Event.Text("hello !there \\ \"x"), new Event.End());
        assertThat(shown.toString(StandardCharsets.UTF_8)).contains(">");
    }

    @Test
    void linesAreJoined() throws IOException {
        assertThat(typed("one\\\rtwo\r\"\"\"\ra\r\rb\r\"\"\"\rx" + ALT_ENTER + "y\r"))
                .containsExactly(
                        new Event.Text("one\ntwo"), new Event.Text("a\n\nb"), new Event.Text("x\ny"), new Event.End());
    }

    @Test
    void controlCDropsTheLineAndControlDEnds() throws IOException {
        assertThat(typed("half" + CTRL_C + CTRL_C + "whole\r" + CTRL_D + "never read\r"))
                .containsExactly(
                        new Event.Interrupt(false),
                        new Event.Interrupt(true),
                        new Event.Text("whole"),
                        new Event.End());
    }

    @Test
    void whatWasTypedIsRemembered() throws IOException {
        Path history = folder.resolve("history");
        try (var input = input(history, "first\rsecond\r")) {
            input.next();
            input.next();
        }
        assertThat(Files.readString(history)).contains("first").contains("second");
        String up = "\u001b[A";
        try (var input = input(history, up + up + "\r")) {
            assertThat(input.next()).isEqualTo(new Event.Text("first"));
        }
    }

    @Test
    void controlCDuringWorkStopsIt() throws IOException {
        Terminal terminal = terminal("");
        try (var input = new KeyboardInput(terminal, null, ChatLoop.COMMANDS, Style.PLAIN)) {
            input.stoppable(stop -> {
                assertThat(stop.getAsBoolean()).isFalse();
                terminal.raise(Signal.INT);
                assertThat(stop.getAsBoolean()).isTrue();
            });
            input.stoppable(stop ->
                    assertThat(stop.getAsBoolean()).as("each work by itself").isFalse());
        }
    }

    private java.util.List<Event> typed(String keys) throws IOException {
        var events = new java.util.ArrayList<Event>();
        try (var input = input(null, keys)) {
            do {
                events.add(input.next());
            } while (!(events.getLast() instanceof Event.End));
        }
        return events;
    }

    private KeyboardInput input(Path history, String keys) throws IOException {
        return new KeyboardInput(terminal(keys), history, ChatLoop.COMMANDS, Style.PLAIN);
    }

    private Terminal terminal(String keys) throws IOException {
        var in = new ByteArrayInputStream(keys.getBytes(StandardCharsets.UTF_8));
        Terminal terminal = new DumbTerminal("test", "ansi", in, shown, StandardCharsets.UTF_8);
        Attributes attributes = terminal.getAttributes();
        attributes.setControlChar(ControlChar.VINTR, CTRL_C.charAt(0));
        attributes.setControlChar(ControlChar.VEOF, CTRL_D.charAt(0));
        terminal.setAttributes(attributes);
        return terminal;
    }
}
