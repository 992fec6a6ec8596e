package awq4j;

import awq4j.chat.Message;
import awq4j.runtime.Sampling;
import awq4j.runtime.Sequence;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A text that grows: keeps what the model knows of it between calls, so that only what is new has to run. Each prompt
 * is a whole text from its beginning; as far as it begins like the last prompt and reply together, it costs nothing.
 *
 * <p>Replies are those of {@link LanguageModel#generate}, up to float rounding: a prompt that runs in other pieces sums
 * in another order. Made by {@link LanguageModel#newSession}; ends with its model, and takes memory until it is
 * forgotten.
 */
public final class Session {
    private final LanguageModel model;
    private final Sequence sequence;

    Session(LanguageModel model, Sequence sequence) {
        this.model = model;
        this.sequence = sequence;
    }

    /** {@link #generate(String, Sampling, Consumer, BooleanSupplier)} without looking at the pieces. */
    public Reply generate(String prompt, Sampling sampling) {
        return generate(prompt, sampling, text -> {}, () -> false);
    }

    /**
     * Continues a text, as {@link LanguageModel#generate(String, Sampling, Consumer, BooleanSupplier)} does.
     *
     * @param prompt the whole text so far
     */
    public Reply generate(String prompt, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        int[] tokens = model.tokenizer().encode(prompt);
        return generate(tokens, sampling, onText, cancelled);
    }

    /**
     * Continues tokens, as {@link LanguageModel#generate(int[], Sampling, Consumer, BooleanSupplier)} does.
     *
     * @param prompt all tokens so far
     */
    public Reply generate(int[] prompt, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        return model.reply(sequence, prompt, model.tokenizer().decoder(prompt, true), sampling, onText, cancelled);
    }

    /**
     * Answers a conversation, as {@link LanguageModel#chat(List, Sampling, Consumer, BooleanSupplier)} does.
     *
     * @param messages the whole conversation so far
     */
    public Reply chat(List<Message> messages, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        String text = model.prompt(messages);
        if (!model.hasChatTemplate()) {
            return generate(text, sampling, onText, cancelled);
        }
        int[] prompt = model.tokenizer().encode(text, false);
        // an answer begins a text of its own: no space before its first word
        return model.reply(sequence, prompt, model.tokenizer().decoder(), sampling, onText, cancelled);
    }

    /** Tokens that the model knows of now. */
    public int length() {
        return sequence.length();
    }

    /** Forgets the text. */
    public void reset() {
        model.alone(() -> {
            sequence.clear();
            return this;
        });
    }
}
