package awq4j.cli;

import awq4j.eval.study.Workbench;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** All rows of a study on a terminal: labels, then numbers. */
final class StudyTable {
    private StudyTable() {}

    static Table of(StudyJson json) {
        Set<String> labels = new LinkedHashSet<>();
        Set<String> numbers = new LinkedHashSet<>();
        for (Map<String, Object> row : json.rows()) {
            part(row, "labels").keySet().forEach(key -> labels.add(key.toString()));
            part(row, "numbers").keySet().forEach(key -> numbers.add(key.toString()));
        }
        var headings = new ArrayList<>(labels);
        numbers.forEach(key -> headings.add(">" + key));
        var table = new Table(headings.toArray(String[]::new));
        for (Map<String, Object> row : json.rows()) {
            var cells = new ArrayList<String>();
            labels.forEach(key -> cells.add(
                    Objects.requireNonNullElse(part(row, "labels").get(key), "").toString()));
            numbers.forEach(key -> cells.add(number(key, part(row, "numbers").get(key))));
            table.row(cells.toArray(String[]::new));
        }
        return table;
    }

    private static Map<?, ?> part(Map<String, Object> row, String name) {
        return (Map<?, ?>) Objects.requireNonNull(row.get(name));
    }

    private static String number(String key, @org.jspecify.annotations.Nullable Object pair) {
        if (!(pair instanceof Object[] values) || !(values[0] instanceof Double value)) {
            return "";
        }
        if (key.equals(Workbench.BYTES)) {
            return Figures.bytes(value.longValue());
        }
        String text = Figures.significant(value);
        return values[1] instanceof Double error ? text + " ± " + Figures.significant(error) : text;
    }
}
