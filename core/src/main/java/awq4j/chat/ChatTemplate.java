package awq4j.chat;

import awq4j.chat.jinja.Template;
import awq4j.tokenizer.SpecialTokens;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a model wants a conversation written: its own template, parsed once. Immutable; any number of threads may render
 * it.
 */
public final class ChatTemplate {
    private final String source;
    private final Template template;
    private final SpecialTokens specialTokens;

    private ChatTemplate(String source, Template template, SpecialTokens specialTokens) {
        this.source = source;
        this.template = template;
        this.specialTokens = specialTokens;
    }

    /**
     * Parses a template.
     *
     * @param source in Jinja, as {@code tokenizer_config.json} has it
     * @param specialTokens the tokens that it may print, such as {@code bos_token}
     * @throws awq4j.chat.jinja.TemplateException if it cannot be parsed; the message has the line
     */
    public static ChatTemplate parse(String source, SpecialTokens specialTokens) {
        return new ChatTemplate(source, Template.parse(source), specialTokens);
    }

    /** The template itself, in Jinja. */
    public String source() {
        return source;
    }

    /** The text that the model's next answer continues. */
    public String render(List<Message> messages) {
        return render(messages, PromptOptions.forAnswer());
    }

    /**
     * Writes a conversation as text. To be encoded without special tokens: the template has put them already.
     *
     * @throws awq4j.chat.jinja.TemplateException if the template refuses the conversation, as many do when roles do not
     *     alternate; or goes beyond its limits
     */
    public String render(List<Message> messages, PromptOptions options) {
        Map<String, @Nullable Object> variables = new HashMap<>(specialTokens.byRole());
        variables.put("messages", messages.stream().map(Message::fields).toList());
        variables.put("add_generation_prompt", options.addGenerationPrompt());
        // Templates tell "no tools" from None, not from an empty list: so does the library that they are written for.
        variables.put("tools", options.tools().isEmpty() ? null : options.tools());
        variables.put("documents", options.documents().isEmpty() ? null : options.documents());
        variables.putAll(options.variables());
        return template.render(variables, options.limits(), options.now());
    }
}
