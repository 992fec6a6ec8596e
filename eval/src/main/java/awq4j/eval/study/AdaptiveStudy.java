package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.eval.study.StudySettings.Domain;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Whether scales that follow what a model reads are better than those that stay: what Lin et al., AWQ (2023), leave open.
 * A model calibrated on one kind of text reads another, and is measured on text of both kinds on its way.
 */
final class AdaptiveStudy {
    static final int BITS = 3;

    /** Points of a stream. */
    static final int POSITIONS = 6;

    static final String DRIFT = "drift";
    static final String LARGEST = "largest drift";
    static final String DERIVED = "derived";
    static final String CHANGE = "change";
    private static final String MEASURED = "measured";
    private static final String READ = "read";
    private static final String TOKENS = "tokens";

    static final Study STUDY = new Study(
            "adaptive",
            "Adaptive scales",
            "Whether it helps, at 3 bits, that scales follow the text a model reads: calibrated on one kind, reading another.",
            Map.of(
                    MEASURED, "measured on",
                    READ, "tokens of the second kind read",
                    TOKENS, "tokens of the second kind read",
                    DRIFT, "mean drift before adapting",
                    LARGEST, "largest drift before adapting",
                    DERIVED, "inputs searched again",
                    CHANGE, "KL above that of scales that stay"),
            AdaptiveStudy::points,
            List.of(
                    View.line("Divergence while reading the second kind of text", TOKENS, Workbench.KL)
                            .by(Row.METHOD)
                            .panels(MEASURED)
                            .except(Row.METHOD, "FP16")
                            .except(Row.METHOD, "RTN")
                            .note(
                                    "Each model is measured on the second halves of windows, of which it has read the first."
                                            + " Level lines are models that do not adapt, or only to the window that they read."),
                    View.line("Against scales that stay, window by window", TOKENS, CHANGE)
                            .by(Row.METHOD)
                            .panels(MEASURED)
                            .except(Row.METHOD, "FP16")
                            .except(Row.METHOD, "RTN")
                            .note(
                                    "Below 0 is better than the model calibrated on the first kind of text. The error is that"
                                            + " of differences on the same windows."),
                    View.table("Divergence", List.of(MEASURED, Row.METHOD), READ, Workbench.KL)
                            .except(Row.METHOD, "FP16"),
                    View.table("Against scales that stay", List.of(MEASURED, Row.METHOD), READ, CHANGE)
                            .except(Row.METHOD, "FP16"),
                    View.table("Perplexity", List.of(MEASURED, Row.METHOD), READ, Workbench.PERPLEXITY),
                    View.table("What moved", List.of(Row.METHOD), READ, DRIFT, LARGEST, DERIVED)
                            .where(Row.METHOD, "adaptive")
                            .note(
                                    "Drift: half the sum of the differences of channels' shares of the mean magnitude, 0 to 1,"
                                            + " between the scale's own text and what was read since.")));

    private AdaptiveStudy() {}

    private static List<Point> points(Workbench bench) {
        var runs = new AdaptiveRuns(bench);
        var points = new ArrayList<Point>();
        points.add(new Point(Row.labels(Row.METHOD, "FP16"), b -> level(runs, runs::original)));
        add(points, runs, "RTN", () -> runs.calibrated(null));
        add(points, runs, "calibrated on the first", () -> runs.calibrated(runs.first()));
        add(points, runs, "calibrated on the second", () -> runs.calibrated(runs.second()));
        points.add(new Point(
                Row.labels(Row.METHOD, "per input"),
                b -> level(runs, on -> runs.quality(runs.new PerInput(true), on))));
        points.add(new Point(
                Row.labels(Row.METHOD, "per input and before"),
                b -> level(runs, on -> runs.quality(runs.new PerInput(false), on))));
        addStream(points, runs, "adaptive, always", 0);
        addStream(points, runs, "adaptive", AdaptiveRuns.usualThreshold());
        return points;
    }

    private static void add(List<Point> points, AdaptiveRuns runs, String label, Supplier<AdaptiveRuns.Live> model) {
        points.add(new Point(Row.labels(Row.METHOD, label), b -> {
            AdaptiveRuns.Live live = model.get();
            return level(runs, on -> runs.quality(live, on));
        }));
    }

    /** Measures a model. */
    private interface Quality {
        Map<String, Estimate> on(Domain domain);
    }

    /** A model that does not change while the second kind of text is read: the same row at every point of the stream. */
    private static List<Row> level(AdaptiveRuns runs, Quality quality) {
        var rows = new ArrayList<Row>();
        for (Domain on : List.of(runs.first(), runs.second())) {
            Map<String, Estimate> numbers = quality.on(on);
            for (int position : runs.positions()) {
                rows.add(row(runs, position, on, numbers));
            }
        }
        return rows;
    }

    private static void addStream(List<Point> points, AdaptiveRuns runs, String label, double threshold) {
        for (int position : runs.positions()) {
            points.add(new Point(Row.labels(Row.METHOD, label, READ, runs.tokens(position)), b -> {
                AdaptiveRuns.Stream stream = runs.stream(threshold, position);
                Map<String, Estimate> moved = stream.reach(position);
                var rows = new ArrayList<Row>();
                for (Domain on : List.of(runs.first(), runs.second())) {
                    var numbers = runs.quality(stream.live(), on);
                    numbers.putAll(moved);
                    rows.add(row(runs, position, on, numbers));
                }
                return rows;
            }));
        }
    }

    private static Row row(AdaptiveRuns runs, int position, Domain on, Map<String, Estimate> measured) {
        var numbers = new LinkedHashMap<>(measured);
        numbers.put(TOKENS, AdaptiveRuns.exactly(runs.tokens(position)));
        return new Row(Row.labels(READ, runs.tokens(position), MEASURED, on.name()), numbers);
    }
}
