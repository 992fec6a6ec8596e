package awq4j.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.chat.jinja.TemplateException;
import awq4j.format.MalformedFileException;
import awq4j.tokenizer.SpecialTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** Conversations written with the templates of a model folder. */
class ChatTemplateTest {
    private static final SpecialTokens TOKENS = new SpecialTokens(Map.of("bos_token", "<s>", "eos_token", "</s>"));
    private static final List<Message> GREETING = List.of(Message.system("Be kind."), Message.user("Hi"));

    @TempDir
    Path folder;

    @Test
    void writesTurnsTokensAndTheBeginningOfTheAnswer() {
        var template = ChatTemplate.parse("""
                {{- bos_token }}
                {%- for message in messages %}
                    {{- '<' + message.role + '>' }}{{ message.content | trim }}{{ eos_token -}}
                {% endfor %}
                {% if add_generation_prompt %}<assistant>{% endif %}
                """, TOKENS);
        assertThat(template.render(GREETING)).isEqualTo("<s><system>Be kind.</s><user>Hi</s><assistant>");
        assertThat(template.render(GREETING, PromptOptions.forAnswer().addGenerationPrompt(false)))
                .isEqualTo("<s><system>Be kind.</s><user>Hi</s>");
    }

    @Test
    void toolsAndDocumentsAreNoneUnlessGiven() {
        var template = ChatTemplate.parse("{{ tools }}|{{ documents }}|{{ mood }}", TOKENS);
        assertThat(template.render(GREETING)).isEqualTo("None|None|");
        var options = PromptOptions.forAnswer()
                .tools(List.of(Map.of("name", "f")))
                .documents(List.of(JsonMapper.shared().readTree("{\"title\": \"T\"}")))
                .variable("mood", "calm");
        assertThat(template.render(GREETING, options)).isEqualTo("[{'name': 'f'}]|[{'title': 'T'}]|calm");
    }

    @Test
    void variablesWinOverSpecialTokens() {
        var template = ChatTemplate.parse("{{ bos_token }}", TOKENS);
        assertThat(template.render(GREETING, PromptOptions.forAnswer().variable("bos_token", "<b>")))
                .isEqualTo("<b>");
    }

    @Test
    void tellsTheTimeItIsGiven() {
        var template = ChatTemplate.parse("{{ strftime_now('%d %b %Y') }}", TOKENS);
        var options = PromptOptions.forAnswer().at(LocalDateTime.of(2026, 2, 3, 4, 5));
        assertThat(template.render(GREETING, options)).isEqualTo("03 Feb 2026");
    }

    @Test
    void refusalOfTheTemplateIsItsMessage() {
        var template = ChatTemplate.parse("a\n{{ raise_exception('only user turns, please') }}", TOKENS);
        assertThatThrownBy(() -> template.render(GREETING))
                .isInstanceOf(TemplateException.class)
                .hasMessage("template line 2: only user turns, please");
    }

    @Test
    void messagesKeepPartsCallsAndUnknownFields() {
        var json = JsonMapper.shared()
                .readTree(
                        "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"1\"}], \"mood\": 3}");
        var parts = Message.of("user", List.of(Map.of("text", "Look")));
        var template = ChatTemplate.parse(
                "{% for m in messages %}{{ m.role }}:{{ m.content }}:{{ m.tool_calls }}{{ m.mood }};{% endfor %}",
                TOKENS);
        assertThat(template.render(
                        List.of(parts, Message.of(json), Message.assistant("x").with("mood", "good"))))
                .isEqualTo("user:[{'text': 'Look'}]:;assistant:None:[{'id': '1'}]3;assistant:x:good;");
    }

    @Test
    void wrongMessagesAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Message.of("user", 5))
                .withMessage("content of a message should be a string, a list of parts or JSON, is java.lang.Integer");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Message.of(JsonMapper.shared().readTree("{\"content\": \"x\"}")))
                .withMessage("a message should be an object with a string \"role\", is {\"content\":\"x\"}");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Message.user("x").with("role", "y"))
                .withMessage("further fields of a message should not be role or content, are [role]");
    }

    @Test
    void folderWithoutTemplateHasNone() throws IOException {
        assertThat(ChatTemplates.read(folder)).isEmpty();
        write("tokenizer_config.json", "{\"bos_token\": \"<s>\", \"chat_template\": null}");
        assertThat(ChatTemplates.read(folder)).isEmpty();
    }

    @Test
    void templateFileWinsOverJsonAndJsonOverConfig() throws IOException {
        write("tokenizer_config.json", "{\"bos_token\": \"<s>\", \"chat_template\": \"config {{ bos_token }}\"}");
        assertThat(greeting()).isEqualTo("config <s>");
        write("chat_template.json", "{\"chat_template\": \"json {{ bos_token }}\"}");
        assertThat(greeting()).isEqualTo("json <s>");
        write("chat_template.jinja", "file {{ bos_token }}\n");
        assertThat(greeting()).isEqualTo("file <s>");
    }

    @Test
    void namedTemplatesServeTools() throws IOException {
        write(
                "tokenizer_config.json",
                "{\"chat_template\": [{\"name\": \"default\", \"template\": \"plain\"},"
                        + "{\"name\": \"tool_use\", \"template\": \"with tools\"}]}");
        var templates = ChatTemplates.read(folder).orElseThrow();
        assertThat(templates.byName()).containsOnlyKeys("default", "tool_use");
        assertThat(templates.render(GREETING, PromptOptions.forAnswer())).isEqualTo("plain");
        assertThat(templates.render(GREETING, PromptOptions.forAnswer().tools(List.of(Map.of()))))
                .isEqualTo("with tools");
    }

    @Test
    void additionalTemplatesAreNamedByTheirFiles() throws IOException {
        write("chat_template.jinja", "plain");
        write("additional_chat_templates/rag.jinja", "with documents");
        var templates = ChatTemplates.read(folder).orElseThrow();
        assertThat(templates.byName()).containsOnlyKeys("default", "rag");
        assertThat(templates.choose(true).render(GREETING)).isEqualTo("plain");
        assertThat(templates.byName().get("rag").render(GREETING)).isEqualTo("with documents");
    }

    @Test
    void damagedTemplateNamesFileAndLine() throws IOException {
        write("chat_template.jinja", "a\n{% if x %}");
        assertThatThrownBy(() -> ChatTemplates.read(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("chat_template.jinja: chat template line 2: "
                        + "{% if %} is not closed: expected {% endif %} before the end");
        Files.write(folder.resolve("chat_template.jinja"), new byte[] {(byte) 0xff});
        assertThatThrownBy(() -> ChatTemplates.read(folder)).hasMessage("chat_template.jinja: not UTF-8");
    }

    @Test
    void wrongJsonIsRefused() throws IOException {
        write("tokenizer_config.json", "{\"chat_template\": 5}");
        assertThatThrownBy(() -> ChatTemplates.read(folder))
                .hasMessage(
                        "tokenizer_config.json: \"chat_template\" should be a string or a list of name and template, "
                                + "has a NUMBER");
        write("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\"}]}");
        assertThatThrownBy(() -> ChatTemplates.read(folder))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageEndingWith("has a OBJECT");
    }

    private String greeting() {
        return ChatTemplates.read(folder).orElseThrow().render(GREETING, PromptOptions.forAnswer());
    }

    private void write(String name, String text) throws IOException {
        Files.createDirectories(folder.resolve(name).getParent());
        Files.writeString(folder.resolve(name), text);
    }
}
