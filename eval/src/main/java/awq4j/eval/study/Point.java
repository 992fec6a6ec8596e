package awq4j.eval.study;

import awq4j.eval.Estimate;
import java.util.List;
import java.util.Map;

/**
 * One measurement of a study: what is kept when a study is interrupted.
 *
 * @param labels what tells it from the study's other points, in the order in which it is shown
 * @param measurement takes it
 */
public record Point(Map<String, String> labels, Measurement measurement) {
    /** Takes a measurement. */
    @FunctionalInterface
    public interface Measurement {
        /**
         * Measures.
         *
         * @return rows; the point's labels are put before theirs
         * @throws java.util.concurrent.CancellationException if the bench's watch wants to stop
         */
        List<Row> measure(Workbench bench);
    }

    /** Measures what makes a single row. */
    @FunctionalInterface
    public interface Numbers {
        /** The numbers by their keys, in the order in which they are shown. */
        Map<String, Estimate> measure(Workbench bench);
    }

    /** Copies the map in its order. */
    public Point {
        labels = Row.ordered(labels);
    }

    /** A point that is a single row. */
    public static Point of(Map<String, String> labels, Numbers numbers) {
        return new Point(labels, bench -> List.of(new Row(Map.of(), numbers.measure(bench))));
    }
}
