package awq4j.quant.calibration;

import awq4j.format.MalformedFileException;
import awq4j.quant.calibration.CalibrationTexts.Text;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One JSON object a line, blank lines aside. */
final class JsonLines {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private JsonLines() {}

    /** The strings in {@code field}; messages name file and line. */
    static List<Text> read(Path file, String content, String field) {
        var texts = new ArrayList<Text>();
        int number = 0;
        for (String line : content.lines().toList()) {
            number++;
            if (!line.isBlank()) {
                texts.add(new Text(field(file, number, line, field), false));
            }
        }
        return texts;
    }

    private static String field(Path file, int number, String line, String field) {
        JsonNode node;
        try {
            node = MAPPER.readTree(line);
        } catch (JacksonException e) {
            throw new MalformedFileException(file, -1, "line " + number + " is not JSON: " + e.getOriginalMessage());
        }
        JsonNode value = node.get(field);
        if (value == null || !value.isString()) {
            throw new MalformedFileException(
                    file,
                    -1,
                    "line " + number + " has no text in field \"" + field + "\""
                            + (node.isObject() ? "; it has " + String.join(", ", node.propertyNames()) : ""));
        }
        return value.asString();
    }
}
