package awq4j.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows under a heading, in columns as wide as their contents; two spaces between. Text aligns left, figures right. */
final class Table {
    private final boolean[] right;
    private final List<List<String>> rows = new ArrayList<>();

    /** @param headings one a column; a leading {@code >} aligns the column right and is not printed */
    Table(String... headings) {
        right = new boolean[headings.length];
        var names = new ArrayList<String>();
        for (int i = 0; i < headings.length; i++) {
            right[i] = headings[i].startsWith(">");
            names.add(right[i] ? headings[i].substring(1) : headings[i]);
        }
        rows.add(names);
    }

    /** @throws IllegalArgumentException if there are not as many cells as columns */
    Table row(String... cells) {
        if (cells.length != right.length) {
            throw new IllegalArgumentException("table has " + right.length + " columns, row has " + cells.length);
        }
        rows.add(List.of(cells));
        return this;
    }

    /** The heading, bold, then the rows; no line ends in blanks. */
    List<String> lines(Style style) {
        int[] widths = new int[right.length];
        for (var row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], width(row.get(i)));
            }
        }
        var lines = new ArrayList<String>();
        for (var row : rows) {
            var line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String pad = " ".repeat(widths[i] - width(row.get(i)));
                line.append(i == 0 ? "" : "  ").append(right[i] ? pad + row.get(i) : row.get(i) + pad);
            }
            String text = line.toString().stripTrailing();
            lines.add(lines.isEmpty() ? style.bold(text) : text);
        }
        return lines;
    }

    private static int width(String cell) {
        return cell.codePointCount(0, cell.length());
    }
}
