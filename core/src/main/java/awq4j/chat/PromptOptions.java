package awq4j.chat;

import awq4j.chat.jinja.Limits;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a chat template is told beside the messages.
 *
 * @param addGenerationPrompt whether the text ends where the model's answer begins
 * @param tools functions that the model may call, each in the form of the OpenAI API, as JSON or maps
 * @param documents texts that the answer should use, as JSON or maps
 * @param variables further variables of the template, such as {@code enable_thinking}; they win over special tokens
 * @param now the time that templates may print
 * @param limits how far the template may go
 */
public record PromptOptions(
        boolean addGenerationPrompt,
        List<Object> tools,
        List<Object> documents,
        Map<String, Object> variables,
        LocalDateTime now,
        Limits limits) {
    /** Copies the collections. */
    public PromptOptions {
        tools = List.copyOf(tools);
        documents = List.copyOf(documents);
        variables = Map.copyOf(variables);
    }

    /** For the model's next answer: with the generation prompt, no tools, this moment. */
    public static PromptOptions forAnswer() {
        return new PromptOptions(
                true, List.of(), List.of(), Map.of(), LocalDateTime.now(ZoneId.systemDefault()), Limits.DEFAULT);
    }

    /** The same with or without the generation prompt. */
    public PromptOptions addGenerationPrompt(boolean add) {
        return new PromptOptions(add, tools, documents, variables, now, limits);
    }

    /** The same with these tools. */
    public PromptOptions tools(List<?> newTools) {
        return new PromptOptions(addGenerationPrompt, List.copyOf(newTools), documents, variables, now, limits);
    }

    /** The same with these documents. */
    public PromptOptions documents(List<?> newDocuments) {
        return new PromptOptions(addGenerationPrompt, tools, List.copyOf(newDocuments), variables, now, limits);
    }

    /** The same with one more variable. */
    public PromptOptions variable(String name, Object value) {
        var more = new LinkedHashMap<>(variables);
        more.put(name, value);
        return new PromptOptions(addGenerationPrompt, tools, documents, more, now, limits);
    }

    /** The same at another time. */
    public PromptOptions at(LocalDateTime time) {
        return new PromptOptions(addGenerationPrompt, tools, documents, variables, time, limits);
    }
}
