package awq4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Messages from a file or another program, one a line but for {@link MultiLine}. Ctrl-C ends the program, as ever. */
final class PipedInput implements ChatInput {
    private final BufferedReader reader;
    private final Interruption interruption;

    PipedInput(InputStream in, Interruption interruption) {
        this.reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        this.interruption = interruption;
    }

    @Override
    public Event next() {
        try {
            String line = reader.readLine();
            if (line == null) {
                return new Event.End();
            }
            var lines = new StringBuilder(line);
            while (MultiLine.open(lines.toString())) {
                String more = reader.readLine();
                if (more == null) {
                    break;
                }
                lines.append('\n').append(more);
            }
            return new Event.Text(MultiLine.message(lines.toString()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void stoppable(Consumer<BooleanSupplier> work) {
        work.accept(interruption::requested);
        interruption.check();
    }

    @Override
    public void close() {}
}
