package awq4j.chat.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Small templates rendered as jinja2 renders them; see the resources' README. */
class FeaturesTest {
    private static final LocalDateTime NOW = LocalDateTime.of(2024, 7, 26, 9, 5, 3, 42_000);

    @ParameterizedTest
    @CsvSource({"expressions,400", "filters,400", "tests,100", "methods,200", "statements,300"})
    void rendersAsJinja2(String file, int atLeast) {
        Map<String, JsonNode> context = context();
        JsonNode cases = read(file);
        assertThat(cases.size()).isGreaterThanOrEqualTo(atLeast);
        var wrong = new ArrayList<String>();
        for (JsonNode one : cases) {
            String template = one.get("template").asString();
            String outcome = outcome(template, context);
            boolean right =
                    one.has("output") ? outcome.equals(one.get("output").asString()) : outcome.startsWith("refused: ");
            if (!right) {
                wrong.add(template + "\n  rendered: " + outcome + "\n  expected: " + one);
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static String outcome(String template, Map<String, JsonNode> context) {
        try {
            return Template.parse(template).render(context, Limits.DEFAULT, NOW);
        } catch (TemplateException e) {
            return "refused: " + e.getMessage();
        }
    }

    private static Map<String, JsonNode> context() {
        var variables = new HashMap<String, JsonNode>();
        read("context").properties().forEach(entry -> variables.put(entry.getKey(), entry.getValue()));
        return variables;
    }

    private static JsonNode read(String name) {
        InputStream resource = FeaturesTest.class.getResourceAsStream("/chat/" + name + ".json");
        return JsonMapper.shared().readTree(Objects.requireNonNull(resource, name));
    }
}
