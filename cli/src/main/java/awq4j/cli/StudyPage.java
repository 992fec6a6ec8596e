package awq4j.cli;

import java.io.IOException;
import java.util.Map;

/** A study for people: one HTML file with everything in it. What is drawn is data, see {@link StudyJson}. */
final class StudyPage {
    private StudyPage() {}

    /** The whole page. */
    static String of(StudyJson json) throws IOException {
        Map<String, String> places = Map.of(
                "title", PageTemplate.escaped(json.title() + ": " + json.model()),
                "question", PageTemplate.escaped(json.question()));
        return PageTemplate.fill("study.html", json, places);
    }
}
