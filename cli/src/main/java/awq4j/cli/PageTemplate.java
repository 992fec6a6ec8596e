package awq4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A page of the program's resources with places to fill, {@code {{name}}}; {@code {{echarts}}} is the library that draws, and
 * {@code {{data}}} what it draws. The result is one HTML file with everything in it.
 */
final class PageTemplate {
    private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build();

    private PageTemplate() {}

    /**
     * Fills a page.
     *
     * @param name of the resource
     * @param data for its script
     * @param places HTML for all other places
     */
    static String fill(String name, Object data, Map<String, String> places) throws IOException {
        var all = new HashMap<>(places);
        all.put("echarts", resource("echarts.common.min.js"));
        all.put("data", MAPPER.writeValueAsString(data).replace("<", "\\u003c"));
        return PLACE.matcher(resource(name))
                .replaceAll(place -> Matcher.quoteReplacement(Objects.requireNonNull(all.get(place.group(1)))));
    }

    /** Text as HTML. */
    static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = PageTemplate.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
