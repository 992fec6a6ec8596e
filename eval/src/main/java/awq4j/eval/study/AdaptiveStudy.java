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

    /** The label that tells models apart by what their scales do. */
    private static final String SCALES = "scales";

    private static final String NONE = "none";
    private static final String STAY = "stay";
    private static final String PROMPT = "the prompt's";
    private static final String FOLLOW = "follow";

    static final Study STUDY = new Study(
            "adaptive",
            "Adaptive scales",
            "Whether it helps, at 3 bits, that scales follow the text a model reads: calibrated on one kind, reading another.",
            Map.of(
                    MEASURED, "measured on",
                    SCALES, "scales",
                    READ, "tokens read",
                    TOKENS, "tokens read since the calibration",
                    DRIFT, "mean drift before adapting",
                    LARGEST, "largest drift before adapting",
                    DERIVED, "inputs searched again so far",
                    CHANGE, "KL above that of scales that stay"),
            AdaptiveStudy::points,
            List.of(
                    View.line("Divergence while reading on", TOKENS, Workbench.KL)
                            .by(Row.METHOD)
                            .panels(MEASURED)
                            .except(SCALES, NONE)
                            .note(
                                    "Adaptive models read text of the second kind, but for the one that goes on reading the first."
                                            + " All are measured on the second halves of windows, of which they have read the first."
                                            + " Level lines are models that do not adapt, or only to the window that they read."),
                    View.line("Against scales that stay, window by window", TOKENS, CHANGE)
                            .by(Row.METHOD)
                            .panels(MEASURED)
                            .except(SCALES, NONE)
                            .note(
                                    "Below 0 is better than the model calibrated on the first kind of text. The error is that"
                                            + " of differences on the same windows."),
                    View.table(
                            "When all has been read",
                            List.of(Row.METHOD, SCALES),
                            MEASURED,
                            Workbench.KL,
                            CHANGE,
                            Workbench.PERPLEXITY),
                    View.table("Divergence on the way", List.of(MEASURED, Row.METHOD), READ, Workbench.KL)
                            .where(SCALES, FOLLOW),
                    View.table("Against scales that stay, on the way", List.of(MEASURED, Row.METHOD), READ, CHANGE)
                            .where(SCALES, FOLLOW),
                    View.table("What moved", List.of(Row.METHOD, READ), "", DRIFT, LARGEST, DERIVED)
                            .where(SCALES, FOLLOW)
                            .note(
                                    "Drift: half the sum of the differences of channels' shares of the mean magnitude, 0 to 1,"
                                            + " between the text that the scale came from and what was read since.")));

    private AdaptiveStudy() {}

    private static List<Point> points(Workbench bench) {
        var runs = new AdaptiveRuns(bench);
        var points = new ArrayList<Point>();
        points.add(new Point(Row.labels(Row.METHOD, "FP16", SCALES, NONE), b -> level(runs, runs::original)));
        add(points, runs, "RTN", NONE, () -> runs.calibrated(null));
        add(points, runs, "calibrated on the first", STAY, () -> runs.calibrated(runs.first()));
        add(points, runs, "calibrated on the second", STAY, () -> runs.calibrated(runs.second()));
        points.add(new Point(
                Row.labels(Row.METHOD, "per input", SCALES, PROMPT),
                b -> level(runs, on -> runs.quality(runs.new PerInput(true), on))));
        points.add(new Point(
                Row.labels(Row.METHOD, "per input and before", SCALES, PROMPT),
                b -> level(runs, on -> runs.quality(runs.new PerInput(false), on))));
        double usual = AdaptiveRuns.usualThreshold();
        addStream(points, runs, "adaptive, reading the first", new AdaptiveRuns.StreamKind(usual, false));
        addStream(points, runs, "adaptive, always", new AdaptiveRuns.StreamKind(0, true));
        addStream(points, runs, "adaptive", new AdaptiveRuns.StreamKind(usual, true));
        return points;
    }

    private static void add(
            List<Point> points, AdaptiveRuns runs, String label, String scales, Supplier<AdaptiveRuns.Live> model) {
        points.add(new Point(Row.labels(Row.METHOD, label, SCALES, scales), b -> {
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

    private static void addStream(List<Point> points, AdaptiveRuns runs, String label, AdaptiveRuns.StreamKind kind) {
        for (int position : runs.positions()) {
            points.add(new Point(Row.labels(Row.METHOD, label, SCALES, FOLLOW, READ, runs.tokens(position)), b -> {
                AdaptiveRuns.Stream stream = runs.stream(kind, position);
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
        numbers.put(TOKENS, Estimate.exact(runs.tokens(position)));
        return new Row(Row.labels(READ, runs.tokens(position), MEASURED, on.name()), numbers);
    }
}
