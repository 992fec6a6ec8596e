package awq4j.cli;

import awq4j.eval.study.Row;
import awq4j.eval.study.Study;
import awq4j.eval.study.StudyFile;
import awq4j.eval.study.View;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * A finished study as it stands in {@code --json} and in the page.
 *
 * @param words what labels and numbers are called, by key
 * @param settings all that the numbers depend on
 * @param rows labels, and numbers as [value, standard error]
 * @param views how the page shows the rows
 * @param remarks at the foot of the page
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record StudyJson(
        String study,
        String title,
        String question,
        String model,
        String command,
        double seconds,
        BenchMachine machine,
        SortedMap<String, String> settings,
        Map<String, String> words,
        List<Map<String, Object>> rows,
        List<Map<String, Object>> views,
        List<String> remarks) {

    /** @param seconds that this run took; an interrupted one's are not in it */
    static StudyJson of(
            Study study,
            String model,
            SortedMap<String, String> settings,
            List<Row> rows,
            String command,
            double seconds) {
        return of(
                study.name(),
                study.title(),
                study.question(),
                model,
                command,
                seconds,
                settings,
                study.words(),
                rows,
                study.views(),
                remarks(settings, seconds));
    }

    /** The same of something else that has rows and views. */
    static StudyJson of(
            String study,
            String title,
            String question,
            String model,
            String command,
            double seconds,
            Map<String, String> settings,
            Map<String, String> words,
            List<Row> rows,
            List<View> views,
            List<String> remarks) {
        return new StudyJson(
                study,
                title,
                question,
                model,
                command,
                seconds,
                BenchMachine.read(),
                new TreeMap<>(settings),
                words,
                rows.stream().map(StudyFile::json).toList(),
                views(views),
                remarks);
    }

    private static List<String> remarks(Map<String, String> settings, double seconds) {
        String window = settings.getOrDefault("window", "");
        return List.of(
                "Text: " + settings.get("text") + ", "
                        + (window.equals("usual")
                                ? "windows of 2048 tokens or the model's context"
                                : "windows of " + window + " tokens")
                        + ", at most " + settings.get("windows") + ". Calibration: " + settings.get("calibration")
                        + ", at most " + settings.get("samples") + " texts, seed " + settings.get("seed")
                        + "; AWQ's losses on " + settings.get("search tokens")
                        + " tokens. \u00b1 is one standard error over windows.",
                settings.get("backend") + "; " + Figures.duration(Duration.ofMillis((long) (1000 * seconds))) + ".",
                "Model SHA-256 " + settings.get("model sha256"));
    }

    private static List<Map<String, Object>> views(List<View> shown) {
        var views = new ArrayList<Map<String, Object>>();
        for (View view : shown) {
            var json = new LinkedHashMap<String, Object>();
            json.put("title", view.title());
            json.put("note", view.note());
            json.put("where", view.where());
            json.put("except", view.except());
            switch (view) {
                case View.Table table -> {
                    json.put("kind", "table");
                    json.put("lines", table.lines());
                    json.put("across", table.across());
                    json.put("numbers", table.numbers());
                }
                case View.Chart chart -> {
                    json.put("kind", chart.kind().name().toLowerCase(Locale.ROOT));
                    json.put("x", chart.x());
                    json.put("y", chart.y());
                    json.put("colour", chart.colour());
                    json.put("panels", chart.panels());
                    json.put("log_x", chart.logarithmicX());
                    json.put("log_y", chart.logarithmicY());
                }
            }
            views.add(json);
        }
        return views;
    }
}
