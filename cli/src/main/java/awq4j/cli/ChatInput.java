package awq4j.cli;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Where a conversation's messages come from. */
interface ChatInput extends AutoCloseable {
    /** What the user did. */
    sealed interface Event {
        /** A message, of one line or more. */
        record Text(String text) implements Event {}

        /** Ctrl-C while there was nothing, or something half written. */
        record Interrupt(boolean empty) implements Event {}

        /** Ctrl-D, or the input's end. */
        record End() implements Event {}
    }

    /** Waits for what comes next. */
    Event next();

    /**
     * Does work that Ctrl-C stops, as far as this input can tell it from ending the program.
     *
     * @param work gets told whether to stop
     */
    void stoppable(Consumer<BooleanSupplier> work);

    @Override
    void close();
}
