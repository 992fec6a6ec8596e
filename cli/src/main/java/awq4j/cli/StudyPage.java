package awq4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/** A study for people: one HTML file with everything in it. What is drawn is data, see {@link StudyJson}. */
final class StudyPage {
    private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build();

    private StudyPage() {}

    /** The whole page. */
    static String of(StudyJson json) throws IOException {
        Map<String, String> places = Map.of(
                "title", escaped(json.title() + ": " + json.model()),
                "question", escaped(json.question()),
                "echarts", resource("echarts.common.min.js"),
                "data", MAPPER.writeValueAsString(json).replace("<", "\\u003c"));
        return PLACE.matcher(resource("study.html"))
                .replaceAll(place -> Matcher.quoteReplacement(Objects.requireNonNull(places.get(place.group(1)))));
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = StudyPage.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
