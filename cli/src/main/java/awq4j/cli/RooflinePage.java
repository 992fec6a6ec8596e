package awq4j.cli;

import awq4j.eval.speed.LinearKind;
import awq4j.eval.speed.Roofline;
import awq4j.eval.speed.SpeedPrecision;
import awq4j.model.Linear;
import java.io.IOException;
import java.util.Map;
import java.util.stream.Collectors;

/** A roofline for people: one HTML file with everything in it. */
final class RooflinePage {
    private static final double GIGA = 1e9;

    private final Roofline roofline;
    private final RooflineJson json;

    private RooflinePage(Roofline roofline, RooflineJson json) {
        this.roofline = roofline;
        this.json = json;
    }

    /**
     * The whole page.
     *
     * @param command that made it
     */
    static String of(Roofline roofline, RooflineJson json, BenchMachine machine, String command) throws IOException {
        var page = new RooflinePage(roofline, json);
        String processor = machine.cpu().isEmpty() ? machine.system() : machine.cpu();
        String title = "Roofline: the linears of " + json.shape() + " on " + processor;
        Map<String, String> places = Map.of(
                "title", PageTemplate.escaped(title),
                "takeaway", page.takeaway(),
                "legend", page.legend(),
                "label", PageTemplate.escaped(title + ". " + roof(roofline) + ". The numbers are in the tables below."),
                "whole", page.whole(),
                "kinds", page.kinds(),
                "footer", page.footer(machine, command));
        return PageTemplate.fill("roofline.html", json, places);
    }

    /** How a precision is called in a picture. */
    static String label(SpeedPrecision precision) {
        return switch (precision) {
            case F16 -> "FP16";
            case BF16 -> "BF16";
            case F32 -> "FP32";
            case W4A16 -> "W4A16";
            case W4A8 -> "W4A8";
        };
    }

    /** The machine's limits in one line. */
    static String roof(Roofline roofline) {
        var ceilings = roofline.ceilings();
        return "memory " + Figures.three(ceilings.readBytesPerSecond().median() / GIGA) + " GB/s, float multiply-add "
                + Figures.three(ceilings.floatOperationsPerSecond().median() / GIGA) + " GOP/s, 16-bit multiply-add "
                + Figures.three(ceilings.shortOperationsPerSecond().median() / GIGA) + " GOP/s with "
                + threads(roofline);
    }

    private static String threads(Roofline roofline) {
        return roofline.threads() + (roofline.threads() == 1 ? " thread" : " threads");
    }

    private String takeaway() {
        var shift = json.shift();
        return "4-bit weights do <b>" + Figures.three(shift.intensity())
                + " times as many operations for each byte</b> that memory brings. One token at a time runs where memory is"
                + " the limit: its linears take "
                + Figures.three(1e3 / shift.from().tokensPerSecond()) + " ms in FP16 and "
                + Figures.three(1e3 / shift.to().tokensPerSecond()) + " ms in W4A8, <b>"
                + Figures.three(shift.speed()) + " times as fast</b>.";
    }

    private String legend() {
        return roofline.precisions().stream()
                        .map(precision -> "<li class=\"" + precision.label() + "\">" + label(precision)
                                + switch (precision) {
                                    case W4A16 -> ": 4-bit weights, exact";
                                    case W4A8 -> ": activations rounded to 8 bits";
                                    case F16, BF16, F32 -> ": plain weights";
                                }
                                + "</li>")
                        .collect(Collectors.joining())
                + "<li class=\"kinds\">single linears; numbers: tokens at once</li>";
    }

    private String whole() {
        var html = new StringBuilder("<thead><tr class=\"group\"><th></th>");
        roofline.precisions()
                .forEach(precision -> html.append("<th class=\"first ")
                        .append(precision.label())
                        .append("\" colspan=\"4\">")
                        .append(label(precision))
                        .append("</th>"));
        html.append("</tr><tr><th>tokens</th>");
        roofline.precisions()
                .forEach(precision -> html.append("<th class=\"first\">ops/byte</th><th>GOP/s</th>")
                        .append("<th>of roof</th><th>tokens/s</th>"));
        html.append("</tr></thead><tbody>");
        for (int batch : roofline.batches()) {
            html.append("<tr><td>").append(batch).append("</td>");
            for (SpeedPrecision precision : roofline.precisions()) {
                Roofline.Whole whole = roofline.whole(precision, batch);
                cell(html, "first", Figures.three(whole.work().intensity()));
                cell(html, "", Figures.three(whole.operationsPerSecond() / GIGA));
                cell(html, "", Figures.fixed(100 * roofline.share(whole), 0) + " %");
                cell(html, "", Figures.three(whole.tokensPerSecond()));
            }
            html.append("</tr>");
        }
        return html.append("</tbody>").toString();
    }

    private String kinds() {
        var html = new StringBuilder("<thead><tr><th>linear</th><th>rows × columns</th>");
        roofline.precisions()
                .forEach(precision -> html.append("<th class=\"first\">")
                        .append(label(precision))
                        .append("</th><th>share</th>"));
        html.append("</tr></thead><tbody>");
        double read = roofline.ceilings().readBytesPerSecond().median();
        for (LinearKind kind : roofline.kinds()) {
            html.append("<tr><td>").append(PageTemplate.escaped(kind.name())).append("</td>");
            cell(html, "", shape(kind));
            for (SpeedPrecision precision : roofline.precisions()) {
                double bytes = roofline.point(precision, kind.name(), 1).bytesPerSecond();
                cell(html, "first", Figures.three(bytes / GIGA));
                cell(html, "", Figures.fixed(100 * bytes / read, 0) + " %");
            }
            html.append("</tr>");
        }
        return html.append("</tbody>").toString();
    }

    private static String shape(LinearKind kind) {
        return kind.linears().stream().map(Linear::rows).map(String::valueOf).collect(Collectors.joining(" + ")) + " × "
                + kind.inputs();
    }

    private static void cell(StringBuilder html, String type, String text) {
        html.append(type.isEmpty() ? "<td>" : "<td class=\"" + type + "\">")
                .append(text)
                .append("</td>");
    }

    private String footer(BenchMachine machine, String command) {
        return "<p><code>" + PageTemplate.escaped(command) + "</code></p><p>"
                + PageTemplate.escaped(String.join(", ", machine.lines()) + "; " + roof(roofline) + ".")
                + "</p><p>"
                + "Operations: two for each weight and token. Bytes: weights with scales and zeros as they lie in memory,"
                + " activations in and out in float32, each once. 4-bit weights have groups of " + json.groupSize()
                + "; the output matrix is float16, in W4A8 8 bits. Weights are random, and as many copies of each matrix"
                + " run in turn as no cache holds; times are medians. The roof was measured in the same run: plain reads"
                + " of " + Figures.fixed(json.ceilings().readRegionMb(), 0) + " MB, multiply-adds in registers.</p>";
    }
}
