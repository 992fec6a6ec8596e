package awq4j.cli;

import awq4j.Conversation;
import awq4j.Reply;
import awq4j.chat.jinja.TemplateException;
import awq4j.runtime.Sampling;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The conversation itself: reads what the user says, does what is a command, has the model answer the rest. */
final class ChatLoop {
    /** What can be typed, for completion. */
    static final List<String> COMMANDS = List.of("/exit", "/help", "/reset", "/save", "/system");

    private static final String HELP = """
            /help          this
            /reset         start afresh; /system's text stays
            /system TEXT   instructions that stand before the conversation; without TEXT: show them
            /save FILE     write the conversation: FILE.md as Markdown, else JSON
            /exit          leave, as Ctrl-D does
            More lines: end a line with \\, press Alt-Enter, or put them between \"\"\" and \"\"\".
            A message that begins with a slash: type two of them.
            Ctrl-C stops an answer.""";

    private final Screen screen;
    private final ChatInput input;
    private final Conversation conversation;
    private final Sampling sampling;
    private final Transcript transcript;

    ChatLoop(Screen screen, ChatInput input, Conversation conversation, Sampling sampling, Transcript transcript) {
        this.screen = screen;
        this.input = input;
        this.conversation = conversation;
        this.sampling = sampling;
        this.transcript = transcript;
    }

    /** Talks until the user leaves. */
    void run() {
        while (true) {
            switch (input.next()) {
                case ChatInput.Event.End ignored -> {
                    return;
                }
                case ChatInput.Event.Interrupt interrupt -> {
                    if (interrupt.empty()) {
                        note("Ctrl-D or /exit leaves.");
                    }
                }
                case ChatInput.Event.Text(String text) -> {
                    if (!handle(text)) {
                        return;
                    }
                }
            }
        }
    }

    /** Whether the conversation goes on. */
    private boolean handle(String text) {
        if (text.isBlank()) {
            return true;
        }
        if (text.startsWith("//")) {
            answer(text.substring(1));
        } else if (text.startsWith("/")) {
            String[] words = text.strip().split("\\s+", 2);
            return command(words[0], words.length == 2 ? words[1] : "");
        } else {
            answer(text);
        }
        return true;
    }

    private boolean command(String name, String argument) {
        switch (name) {
            case "/exit", "/quit", "/bye" -> {
                return false;
            }
            case "/help", "/?" -> HELP.lines().forEach(this::note);
            case "/reset" -> {
                conversation.reset();
                note("The conversation starts afresh.");
            }
            case "/system" -> system(argument);
            case "/save" -> save(argument);
            default ->
                note("There is no command " + name + suggestion(name) + " /help lists them; to say it to the"
                        + " model, begin with two slashes.");
        }
        return true;
    }

    private void system(String argument) {
        if (argument.isBlank()) {
            note(conversation.system().map(text -> "Instructions: " + text).orElse("There are no instructions."));
        } else {
            conversation.system(argument);
            note("The model will see that before the conversation.");
        }
    }

    private void save(String argument) {
        if (argument.isBlank()) {
            complain("/save wants a file's name");
            return;
        }
        if (conversation.messages().isEmpty()) {
            complain("there is nothing to save yet");
            return;
        }
        try {
            transcript.save(conversation.messages(), Path.of(argument.strip()));
            note("Saved to " + argument.strip() + ".");
        } catch (IOException | RuntimeException e) {
            complain(Failure.of(e).sentence());
        }
    }

    private void answer(String text) {
        try {
            input.stoppable(stop -> {
                Reply reply = conversation.say(text, sampling, this::print, stop);
                screen.say("");
                note(figures(reply));
            });
        } catch (IllegalArgumentException | TemplateException e) {
            complain(Failure.of(e).sentence());
            if (conversation.contextUsed() > 0) {
                note("/reset starts afresh.");
            }
        }
    }

    private String figures(Reply reply) {
        int used = reply.promptTokens() + reply.replyTokens();
        int context = conversation.model().contextLength();
        double speed = reply.timings().replyTokensPerSecond();
        String figures = ReplyFigures.tokens(reply.replyTokens())
                + (speed == 0 ? "" : ", " + Figures.fixed(speed, 1) + " tokens/s")
                + ", context " + Figures.grouped(used) + " of " + Figures.grouped(context);
        return switch (reply.finish()) {
            case END, STOP_STRING -> figures;
            case MAX_TOKENS -> figures + ", stopped at --max-tokens";
            case CANCELLED -> figures + ", stopped";
            case CONTEXT_FULL -> figures + ": it is full, /reset starts afresh";
        };
    }

    private void print(String piece) {
        screen.out().print(screen.outTerminal() ? TerminalText.safe(piece) : piece);
        screen.out().flush();
    }

    private void note(String line) {
        screen.remark(screen.errStyle().dim(line));
    }

    private void complain(String sentence) {
        screen.remark(screen.errStyle().red("awq4j:") + " " + sentence);
    }

    private static String suggestion(String name) {
        return COMMANDS.stream()
                .filter(command -> command.startsWith(name) || name.startsWith(command))
                .findFirst()
                .or(() -> COMMANDS.stream()
                        .filter(command -> Spelling.distance(command, name) <= 2)
                        .findFirst())
                .map(command -> "; did you mean " + command + "?")
                .orElse(".");
    }
}
