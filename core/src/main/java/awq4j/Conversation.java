package awq4j;

import awq4j.chat.Message;
import awq4j.runtime.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Someone talks with a model: remembers what was said, and what the model has read of it, so that each turn costs only
 * what is new. Nothing is dropped when the context is full: the turn is refused, and {@link #reset} starts afresh.
 *
 * <p>For one thread at a time. Made by {@link LanguageModel#newConversation}; ends with its model.
 */
public final class Conversation {
    private final LanguageModel model;
    private final Session session;
    private final List<Message> turns = new ArrayList<>();
    private Optional<String> system = Optional.empty();

    Conversation(LanguageModel model, Session session) {
        this.model = model;
        this.session = session;
    }

    /**
     * Says something and gets an answer. If that fails, or is cancelled before the answer begins, the conversation is as
     * it was before.
     *
     * @param text what the user says
     * @param onText receives the answer piece by piece
     * @param cancelled asked between tokens, as in {@link LanguageModel#generate(String, Sampling, Consumer,
     *     BooleanSupplier)}; half an answer is part of the conversation
     * @throws IllegalArgumentException if the context cannot hold the conversation and an answer
     * @throws awq4j.chat.jinja.TemplateException if the model's template refuses the conversation
     */
    public Reply say(String text, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        turns.add(Message.user(text));
        boolean answered = false;
        try {
            Reply reply = session.chat(messages(), sampling, onText, cancelled);
            if (!reply.text().isEmpty()) {
                turns.add(Message.assistant(reply.text()));
                answered = true;
            }
            return reply;
        } finally {
            if (!answered) {
                turns.removeLast();
            }
        }
    }

    /** What was said, the instructions first if there are any. */
    public List<Message> messages() {
        var all = new ArrayList<Message>();
        system.ifPresent(text -> all.add(Message.system(text)));
        all.addAll(turns);
        return List.copyOf(all);
    }

    /** The instructions that stand before the conversation. */
    public Optional<String> system() {
        return system;
    }

    /** Gives other instructions; what was said stays. Blank for none. */
    public void system(String text) {
        system = Optional.of(text).filter(given -> !given.isBlank());
    }

    /** Forgets what was said; the instructions stay. */
    public void reset() {
        turns.clear();
        session.reset();
    }

    /** Tokens of the context in use, of {@link LanguageModel#contextLength}. */
    public int contextUsed() {
        return session.length();
    }

    /** The model that answers. */
    public LanguageModel model() {
        return model;
    }
}
