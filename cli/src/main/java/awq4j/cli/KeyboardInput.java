package awq4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jline.reader.CompletingParsedLine;
import org.jline.reader.EOFError;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReader.Option;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.Parser;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Terminal;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Messages that someone types: with history, editing and completion of commands. Alt-Enter, or what {@link MultiLine}
 * says, begins another line.
 */
final class KeyboardInput implements ChatInput {
    private final Terminal terminal;
    private final LineReader reader;
    private final String prompt;

    /**
     * @param terminal closed with this
     * @param history file of earlier messages, null to remember none
     * @param commands to complete, each with its slash
     */
    KeyboardInput(Terminal terminal, @Nullable Path history, List<String> commands, Style style) {
        this.terminal = terminal;
        this.prompt = style.cyan("> ");
        LineReaderBuilder builder = LineReaderBuilder.builder()
                .terminal(terminal)
                .appName("awq4j")
                .parser(new WholeMessages())
                .completer(new StringsCompleter(commands))
                .variable(LineReader.SECONDARY_PROMPT_PATTERN, style.dim(". "))
                .option(Option.DISABLE_EVENT_EXPANSION, true) // "!" is a character like any other
                .option(Option.HISTORY_IGNORE_DUPS, true)
                .option(Option.INSERT_TAB, false);
        if (history != null) {
            builder.variable(LineReader.HISTORY_FILE, history);
        }
        this.reader = builder.build();
    }

    /** The terminal that the process was started in. */
    static Terminal systemTerminal() throws IOException {
        return TerminalBuilder.builder()
                .system(true)
                .encoding(java.nio.charset.StandardCharsets.UTF_8)
                .nativeSignals(true)
                .signalHandler(Terminal.SignalHandler.SIG_IGN)
                .build();
    }

    @Override
    public Event next() {
        try {
            return new Event.Text(MultiLine.message(reader.readLine(prompt)));
        } catch (UserInterruptException e) {
            return new Event.Interrupt(e.getPartialLine().isEmpty());
        } catch (EndOfFileException e) {
            return new Event.End();
        }
    }

    @Override
    public void stoppable(Consumer<BooleanSupplier> work) {
        var stop = new AtomicBoolean();
        var before = terminal.handle(Signal.INT, signal -> stop.set(true));
        try {
            work.accept(stop::get);
        } finally {
            terminal.handle(Signal.INT, before);
        }
    }

    @Override
    public void close() {
        try {
            reader.getHistory().save();
        } catch (IOException e) {
            // a history that cannot be kept is no reason to fail at the very end
        } finally {
            closeTerminal();
        }
    }

    private void closeTerminal() {
        try {
            terminal.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Takes everything typed as one word, and asks for more lines where {@link MultiLine} does. */
    private static final class WholeMessages implements Parser {
        @Override
        public ParsedLine parse(String line, int cursor, ParseContext context) {
            if (context == ParseContext.ACCEPT_LINE && MultiLine.open(line)) {
                throw new EOFError(-1, -1, "more lines wanted");
            }
            return new Whole(line, cursor);
        }

        private record Whole(String line, int cursor) implements CompletingParsedLine {
            @Override
            public String word() {
                return line;
            }

            @Override
            public int wordCursor() {
                return cursor;
            }

            @Override
            public int wordIndex() {
                return 0;
            }

            @Override
            public List<String> words() {
                return List.of(line);
            }

            @Override
            public CharSequence escape(CharSequence candidate, boolean complete) {
                return candidate;
            }

            @Override
            public int rawWordCursor() {
                return cursor;
            }

            @Override
            public int rawWordLength() {
                return line.length();
            }
        }
    }
}
