package awq4j.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.chat.jinja.Limits;
import awq4j.chat.jinja.Template;
import awq4j.chat.jinja.TemplateException;
import awq4j.testing.Shared;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Templates of well-known models, with the text that transformers renders; the data is not part of the project. */
class PublishedTemplatesTest {
    /** The day on which the expected texts were rendered. */
    private static final LocalDateTime RENDERED = LocalDateTime.of(2025, 7, 10, 12, 0);

    @Test
    void everyCaseRendersAsPublished() {
        JsonNode cases = JsonMapper.shared()
                .readTree(Shared.path("data/chat-templates/cases.json").toFile());
        assertThat(cases).isNotEmpty();
        var wrong = new ArrayList<String>();
        for (JsonNode published : cases) {
            String rendered;
            try {
                rendered = render(published);
            } catch (TemplateException e) {
                rendered = null;
            }
            String expected =
                    published.has("expected") ? published.get("expected").asString() : null;
            if (!Objects.equals(rendered, expected)) {
                wrong.add(published.get("name").asString() + "\n  rendered: " + rendered + "\n  expected: " + expected);
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void templatesThatRefuseSayWhyAndWhere() {
        JsonNode cases = JsonMapper.shared()
                .readTree(Shared.path("data/chat-templates/cases.json").toFile());
        JsonNode llama = null;
        for (JsonNode published : cases) {
            llama = published.get("name").asString().equals("default/llama") ? published : llama;
        }
        assertThat(llama).isNotNull();
        var variables = new HashMap<String, JsonNode>();
        llama.get("data").properties().forEach(entry -> variables.put(entry.getKey(), entry.getValue()));
        variables.put(
                "messages", JsonMapper.shared().readTree("[{\"role\": \"assistant\", \"content\": \"I begin\"}]"));
        Template template = Template.parse(llama.get("template").asString());
        assertThatThrownBy(() -> template.render(variables, Limits.DEFAULT, RENDERED))
                .isInstanceOf(TemplateException.class)
                .hasMessage("template line 1: Conversation roles must alternate user/assistant/user/assistant/...");
    }

    private static String render(JsonNode published) {
        var variables = new HashMap<String, JsonNode>();
        published.get("data").properties().forEach(entry -> variables.put(entry.getKey(), entry.getValue()));
        return Template.parse(published.get("template").asString()).render(variables, Limits.DEFAULT, RENDERED);
    }
}
