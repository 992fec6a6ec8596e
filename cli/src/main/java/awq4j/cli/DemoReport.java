package awq4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The demo's result, as a table with an explanation and for machines. */
final class DemoReport {
    private DemoReport() {}

    /** The table and what it means, in {@link Screen#WIDTH} columns. */
    static List<String> lines(DemoMeasurement measured, Style style) {
        var lines = new ArrayList<String>();
        lines.addAll(table(measured.rows(), style));
        lines.add("");
        lines.addAll(verdict(measured.rows()));
        lines.add("");
        String notes = "Perplexity (lower is better) and KL are measured on " + Figures.grouped(measured.tokens())
                + " tokens of text the model has not seen, in windows of " + measured.window()
                + "; ± is the standard error. KL is how far predictions are from those of FP16, in nats a token."
                + " On a model this small the differences in perplexity at 4 bits lie near their error, and KL is the"
                + " sharper measure. All of it fits into caches: its speed says little about that of large models,"
                + " which wait for memory. Computed by " + measured.backend() + ".";
        wrapped(notes).forEach(line -> lines.add(style.dim(line)));
        return lines;
    }

    private static List<String> table(List<DemoRow> rows, Style style) {
        var table = new Table("", ">size", ">perplexity", ">KL to FP16", ">tokens/s", ">quantized in");
        for (DemoRow row : rows) {
            boolean original = row.variant().equals(DemoVariant.ORIGINAL);
            table.row(
                    row.variant().label(),
                    Figures.bytes(row.bytes()),
                    Estimates.text(row.perplexity(), 2),
                    original ? "-" : Estimates.text(row.divergence(), 4),
                    Figures.fixed(row.decodeSpeed(), 0),
                    original ? "-" : Figures.fixed(row.quantizeSeconds(), 1) + " s");
        }
        List<String> lines = new ArrayList<>(table.lines(style));
        for (int i = 0; i < rows.size(); i++) {
            if (rows.get(i).variant().awq()) {
                lines.set(i + 1, style.green(lines.get(i + 1)));
            }
        }
        return lines;
    }

    /** For each width: by how much AWQ is closer to the original. */
    private static List<String> verdict(List<DemoRow> rows) {
        var lines = new ArrayList<String>();
        for (DemoRow awq : rows) {
            for (DemoRow plain : rows) {
                boolean pair = awq.variant().awq()
                        && !plain.variant().awq()
                        && plain.variant().bits() == awq.variant().bits();
                if (pair) {
                    double factor =
                            plain.divergence().value() / awq.divergence().value();
                    lines.add("At " + awq.variant().bits() + " bits plain rounding (RTN) is " + Figures.fixed(factor, 2)
                            + " times as far from FP16 as AWQ.");
                }
            }
        }
        return lines;
    }

    private static List<String> wrapped(String text) {
        var out = new StringBuilder();
        var wrapping = new WrappedText(Screen.WIDTH - 2, out::append);
        wrapping.add(text);
        wrapping.finish();
        return out.toString().lines().toList();
    }

    /** By each model's key. */
    static Map<String, Object> json(List<DemoRow> rows) {
        var json = new LinkedHashMap<String, Object>();
        rows.forEach(row -> json.put(row.variant().key(), row.json()));
        return json;
    }
}
