package awq4j.eval.study;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Takes the measurements of a study, in order, those that are kept already left out. */
public final class StudyRun {
    private StudyRun() {}

    /**
     * Runs.
     *
     * @param file keeps points as they are finished; null to keep none
     * @return the rows of all points, in order
     * @throws java.util.concurrent.CancellationException if the bench's watch wants to stop
     */
    public static List<Row> run(Study study, Workbench bench, @Nullable StudyFile file) {
        List<Point> points = study.points().apply(bench);
        requireDistinct(study, points);
        StudyWatch watch = bench.watch();
        var rows = new ArrayList<Row>();
        int finished = file == null
                ? 0
                : (int) points.stream()
                        .filter(point -> file.rows(point) != null)
                        .count();
        watch.kept(finished, points.size());
        for (int i = 0; i < points.size(); i++) {
            Point point = points.get(i);
            List<Row> own = file == null ? null : file.rows(point);
            if (own == null) {
                watch.point(i, points.size(), point.labels());
                own = point.measurement().measure(bench);
                if (file != null) {
                    file.keep(point, own);
                }
                finished++;
                watch.kept(finished, points.size());
            }
            own.forEach(row -> rows.add(row.behind(point.labels())));
        }
        return rows;
    }

    private static void requireDistinct(Study study, List<Point> points) {
        var seen = new HashSet<Map<String, String>>();
        for (Point point : points) {
            if (!seen.add(point.labels())) {
                throw new IllegalStateException(
                        "study " + study.name() + ": two points have the labels " + point.labels());
            }
        }
    }
}
