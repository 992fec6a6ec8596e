package awq4j.eval.study;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A way to look at the rows of a study, as data; whoever draws it knows nothing of the study. */
public sealed interface View {
    /** Above it. */
    String title();

    /** What to see in it, a sentence or two; may be empty. */
    String note();

    /** Labels that a row must have to be shown. */
    Map<String, String> where();

    /** Labels that a row must not have to be shown. */
    Map<String, String> except();

    /**
     * A table, a line for each combination of some labels.
     *
     * @param lines labels that name a line
     * @param across a label whose values become groups of columns; empty for none
     * @param numbers what stands in each column, or in each column of a group
     */
    record Table(
            String title,
            String note,
            List<String> lines,
            String across,
            List<String> numbers,
            Map<String, String> where,
            Map<String, String> except)
            implements View {
        /** Copies. */
        public Table {
            lines = List.copyOf(lines);
            numbers = List.copyOf(numbers);
            where = Map.copyOf(where);
            except = Map.copyOf(except);
        }

        /** The same with a note. */
        public Table note(String text) {
            return new Table(title, text, lines, across, numbers, where, except);
        }

        /** The same without some rows. */
        public Table except(String label, String value) {
            return new Table(title, note, lines, across, numbers, where, with(except, label, value));
        }

        /** The same of fewer rows. */
        public Table where(String label, String value) {
            return new Table(title, note, lines, across, numbers, with(where, label, value), except);
        }
    }

    /**
     * A picture.
     *
     * @param x a label (its values side by side, in the order of the rows) or the key of a number (an axis)
     * @param y a number; of a heat map a label
     * @param colour label that tells lines, bars or dots apart, empty for none; of a heat map the number that is shown
     * @param panels label that gives each of its values a picture of its own, on axes of equal reach; empty for one picture
     * @param logarithmicX whether an axis of numbers is logarithmic
     * @param logarithmicY whether the upright axis, or a heat map's colour, is logarithmic
     */
    record Chart(
            Kind kind,
            String title,
            String note,
            String x,
            String y,
            String colour,
            String panels,
            boolean logarithmicX,
            boolean logarithmicY,
            Map<String, String> where,
            Map<String, String> except)
            implements View {
        /** Copies. */
        public Chart {
            where = Map.copyOf(where);
            except = Map.copyOf(except);
        }

        /** The same with a note. */
        public Chart note(String text) {
            return new Chart(kind, title, text, x, y, colour, panels, logarithmicX, logarithmicY, where, except);
        }

        /** The same, told apart by a label. */
        public Chart by(String label) {
            return new Chart(kind, title, note, x, y, label, panels, logarithmicX, logarithmicY, where, except);
        }

        /** The same with a picture for each value of a label. */
        public Chart panels(String label) {
            return new Chart(kind, title, note, x, y, colour, label, logarithmicX, logarithmicY, where, except);
        }

        /** The same on a logarithmic axis of x. */
        public Chart logX() {
            return new Chart(kind, title, note, x, y, colour, panels, true, logarithmicY, where, except);
        }

        /** The same on a logarithmic axis of y, or with a heat map's colours so. */
        public Chart logY() {
            return new Chart(kind, title, note, x, y, colour, panels, logarithmicX, true, where, except);
        }

        /** The same without some rows. */
        public Chart except(String label, String value) {
            return new Chart(
                    kind,
                    title,
                    note,
                    x,
                    y,
                    colour,
                    panels,
                    logarithmicX,
                    logarithmicY,
                    where,
                    with(except, label, value));
        }

        /** The same of fewer rows. */
        public Chart where(String label, String value) {
            return new Chart(
                    kind,
                    title,
                    note,
                    x,
                    y,
                    colour,
                    panels,
                    logarithmicX,
                    logarithmicY,
                    with(where, label, value),
                    except);
        }
    }

    /** What a picture is made of. */
    enum Kind {
        /** Lines through dots, with standard errors. */
        LINE,
        /** Bars, with standard errors. */
        BAR,
        /** Dots, with standard errors. */
        SCATTER,
        /** Coloured cells. */
        HEAT
    }

    /**
     * A table.
     *
     * @param lines labels that name a line
     * @param across a label whose values become groups of columns; empty for none
     * @param numbers what is shown
     */
    static Table table(String title, List<String> lines, String across, String... numbers) {
        return new Table(title, "", lines, across, List.of(numbers), Map.of(), Map.of());
    }

    /** Lines: x is a label or a number, y a number. */
    static Chart line(String title, String x, String y) {
        return new Chart(Kind.LINE, title, "", x, y, "", "", false, false, Map.of(), Map.of());
    }

    /** Bars: x is a label, y a number. */
    static Chart bar(String title, String x, String y) {
        return new Chart(Kind.BAR, title, "", x, y, "", "", false, false, Map.of(), Map.of());
    }

    /** Dots: x and y are numbers. */
    static Chart scatter(String title, String x, String y) {
        return new Chart(Kind.SCATTER, title, "", x, y, "", "", false, false, Map.of(), Map.of());
    }

    /** A heat map: x and y are labels, the colour is a number. */
    static Chart heat(String title, String x, String y, String number) {
        return new Chart(Kind.HEAT, title, "", x, y, number, "", false, false, Map.of(), Map.of());
    }

    private static Map<String, String> with(Map<String, String> where, String label, String value) {
        var all = new TreeMap<>(where);
        all.put(label, value);
        return all;
    }
}
